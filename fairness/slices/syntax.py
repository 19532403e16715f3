"""The text of a rule as a syntax tree, or a sentence saying what is wrong with it.

Only the words of a condition reach sqlglot's parser: the tokens are checked first, every word that is no part
of the small language below is turned into the name of a column, and the nesting is bounded. So the rest of
sqlglot's grammar (queries, casts, commands, comments) cannot be reached from a rule.
"""

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from fairness.columns import is_hidden

MAX_CHARACTERS = 10_000
MAX_NESTING = 15
MAX_PREFIXES = 5
FUNCTIONS = ("abs", "coalesce", "length", "lower", "round", "upper")

WORDS = {
    TokenType.AND,
    TokenType.OR,
    TokenType.NOT,
    TokenType.IN,
    TokenType.IS,
    TokenType.NULL,
    TokenType.BETWEEN,
    TokenType.LIKE,
    TokenType.ILIKE,
}
SIGNS = {
    TokenType.L_PAREN,
    TokenType.R_PAREN,
    TokenType.COMMA,
    TokenType.EQ,
    TokenType.NEQ,
    TokenType.LT,
    TokenType.LTE,
    TokenType.GT,
    TokenType.GTE,
    TokenType.PLUS,
    TokenType.DASH,
    TokenType.STAR,
    TokenType.SLASH,
}
VALUES = {TokenType.NUMBER, TokenType.STRING, TokenType.IDENTIFIER}
NAMED = {
    TokenType.SEMICOLON: "Leave out the semicolon; a rule is one condition.",
    TokenType.DOT: 'A dot stands in a number such as 0.5, or in a column name in double quotes, as in "a.b".',
    TokenType.TRUE: "TRUE cannot be used in a rule; write the condition itself, such as age < 30.",
    TokenType.FALSE: "FALSE cannot be used in a rule; write NOT and the condition.",
    TokenType.SELECT: "A rule is one condition on a row; SELECT cannot be used in it.",
}
EXAMPLE = "Write a condition such as age < 30 AND sex = 'f'."


class RuleError(ValueError):
    """The rule's author must change something: the message says what, and holds nothing of the data."""


def parse_condition(text: str) -> exp.Expression:
    """The syntax tree of a condition. Raises RuleError; its nodes are still to be checked one by one."""
    _check_text(text)
    try:
        tokens = Tokenizer().tokenize(text)
    except SqlglotError as error:
        raise RuleError("The rule cannot be read: a quotation mark is never closed.") from error
    if any(token.comments for token in tokens) or (text.strip() and not tokens):
        raise RuleError("Leave out the comment; a rule holds a condition only.")
    if not tokens:
        raise RuleError(f"The rule is empty. {EXAMPLE}")
    if tokens[0].token_type == TokenType.WHERE:
        raise RuleError(f"Leave WHERE out. {EXAMPLE}")
    words = [_checked(token, after) for token, after in zip(tokens, [*tokens[1:], None], strict=True)]
    _check_nesting(words)
    try:
        trees = Parser().parse(words, text)
    except (SqlglotError, RecursionError) as error:
        raise RuleError(f"The rule cannot be read{_where(error)}. {EXAMPLE}") from error
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Expression):
        raise RuleError(f"The rule is not one condition. {EXAMPLE}")
    return tree


def quoted_name(name: str) -> str:
    """A column name as it stands in a rule, in double quotes where it needs them.

    >>> quoted_name("age"), quoted_name("marital status"), quoted_name("in")
    ('age', '"marital status"', '"in"')
    """
    if name.isascii() and name.isidentifier():
        first, *others = Tokenizer().tokenize(f"{name} = 1")  # some words swallow what follows them
        if len(others) == 2 and first.token_type not in WORDS and first.token_type not in NAMED:
            return name
    return '"' + name.replace('"', '""') + '"'


def number_text(number: float) -> str:
    """A number as it stands in a rule; reading it back gives the same Float64.

    >>> number_text(3.0), number_text(0.1), number_text(1e300)
    ('3', '0.1', '1e+300')
    """
    return str(int(number)) if number % 1 == 0 and abs(number) < 1e15 else repr(number)


def _check_text(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise RuleError(f"The rule has {len(text):,} characters; at most {MAX_CHARACTERS:,} are taken.")
    for character in text:
        if is_hidden(character) and character not in "\t\r\n":
            raise RuleError(f"The rule holds a hidden character (U+{ord(character):04X}). Type it again.")


def _checked(token: Token, after: Token | None) -> Token:
    """The token itself where it belongs to the language, a column name where it is another word."""
    kind = token.token_type
    if kind in WORDS or kind in SIGNS or kind in VALUES:
        return token
    if kind in NAMED:
        raise RuleError(NAMED[kind])
    if not token.text.replace("$", "_").isidentifier():
        raise RuleError(f"{token.text[:40]} cannot be used in a rule. {EXAMPLE}")
    if after is not None and after.token_type == TokenType.L_PAREN:
        if token.text.lower() not in FUNCTIONS:
            raise RuleError(
                f"{token.text[:40]}(...) cannot be used in a rule; the functions are {', '.join(FUNCTIONS)}."
            )
        return token
    return Token(TokenType.IDENTIFIER, token.text, token.line, token.col, token.start, token.end)


def _check_nesting(tokens: list[Token]) -> None:
    """Bound what the parser and the compiler answer with recursion: parentheses and runs of prefixes."""
    depth = prefixes = 0
    for token in tokens:
        kind = token.token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        prefixes = prefixes + 1 if kind in (TokenType.NOT, TokenType.DASH, TokenType.PLUS) else 0
        if depth > MAX_NESTING:
            raise RuleError(f"The rule nests more than {MAX_NESTING} parentheses. Write it flatter.")
        if prefixes > MAX_PREFIXES:
            raise RuleError("The rule repeats NOT or a sign too often.")


def _where(error: Exception) -> str:
    """' near "..."' for an error of the parser that knows its place."""
    if isinstance(error, sqlglot.ParseError) and error.errors and error.errors[0].get("highlight"):
        return f' near "{str(error.errors[0]["highlight"])[:40]}"'
    return ""
