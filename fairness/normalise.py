"""Making texts alike before their words are compared. What is taken away is a choice about people's speech
too, so it is chosen by name and recorded with its version.
"""

from functools import cache
from importlib.metadata import version as installed

import polars as pl
from whisper_normalizer.english import EnglishTextNormalizer  # type: ignore[import-untyped]

NORMALISERS = ("none", "basic", "ascii", "english")

APOSTROPHES = "[’‘‛ʼʻ`´′＇]"
INVISIBLE = (
    r"[\u{AD}\u{61C}\u{180E}\u{200E}\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2064}\u{2066}-\u{2069}\u{FEFF}]"
)
ASCII_PUNCTUATION = r"[!-/:-@\[-`{-~]"
# whisper-normalizer reads every number, and Python none of more than 4,300 digits; nobody says such a one.
LONG_NUMBER = r"((?:\d,?){1000})"
BRACKETS = (("[<", "]>"), ("(", ")"))
MOST_OPEN = 50
# Single spaces between words stay untouched: matching only what must change is four times as fast.
SPACES = r"[\s\x1c-\x1f]{2,}|[^\S ]|[\x1c-\x1f]"


def normalise(texts: pl.Series, how: str) -> pl.Series:
    """Texts with what does not count taken out, as String of the same length; null becomes "".

    - none: Unicode NFC, and runs of white space become one space.
    - basic: NFKC, lower case, all apostrophes as ', soft hyphens and direction marks deleted. An apostrophe
      between two characters of a word stays (don't); any other punctuation (Unicode P) splits: "well-known,
      1,000" becomes "well known 1 000". Accents, combining marks, joiners, digits and symbols ($, +) stay.
    - ascii: lower case, and the 32 punctuation marks of ASCII deleted: "well-known, don't" becomes "wellknown
      dont". Typographic marks (’ “ –) stay parts of words and make errors, so it is for agreeing with tables
      that were made in this way.
    - english: EnglishTextNormalizer of whisper-normalizer (Radford et al. 2022, appendix C): spells out
      contractions, makes numbers digits and spelling American, and drops fillers and what stands in brackets.

    A million sentences of twelve words take about 2 s, and under english about 2 minutes: 0.12 ms for each
    text that differs from all others. Every way but english changes nothing when it is applied again.
    Raises ValueError for an unknown name.

    >>> normalise(pl.Series(["It’s  a “well-known” trick.", None]), "basic").to_list()
    ["it's a well known trick", '']
    """
    if how not in _STEPS:
        raise ValueError(f"Unknown normalisation '{how}': choose one of {', '.join(NORMALISERS)}.")
    return _STEPS[how](texts.cast(pl.String).fill_null("")).rename(texts.name)


def version(how: str) -> str:
    """The name of a normalisation with the version of its rules, for the record.

    >>> version("basic")
    'basic 1'
    """
    if how not in _STEPS:
        raise ValueError(f"Unknown normalisation '{how}': choose one of {', '.join(NORMALISERS)}.")
    return (
        f"english (whisper-normalizer {installed('whisper-normalizer')})" if how == "english" else f"{how} 1"
    )


def _none(texts: pl.Series) -> pl.Series:
    return _spaced(_where_not_ascii(texts, pl.col("text").str.normalize("NFC")))


def _basic(texts: pl.Series) -> pl.Series:
    # NFKC makes a space and an accent of ´, so apostrophes go first, and ʼn of ŉ, so they go last too. Lower
    # case can open a composition that capitals lack (ǰ), so it is composed again.
    element = pl.col("text").str.replace_all(INVISIBLE, "").str.replace_all(APOSTROPHES, "'")
    composed = element.str.normalize("NFKC").str.to_lowercase().str.normalize("NFKC")
    texts = _where_not_ascii(texts, composed.str.replace_all(APOSTROPHES, "'"))
    texts = texts.str.to_lowercase().str.replace_all("`", "'", literal=True)
    texts = texts.str.replace_all(r"[\p{P}\u{200B}&&[^']]+|'{2,}", " ")
    texts = texts.str.replace_all(r"'+([\s\x1c-\x1f]|$)", " ").str.replace_all(r"(^|[\s\x1c-\x1f])'+", " ")
    return _spaced(texts)


def _ascii(texts: pl.Series) -> pl.Series:
    return _spaced(texts.str.to_lowercase().str.replace_all(ASCII_PUNCTUATION, ""))


def _english(texts: pl.Series) -> pl.Series:
    different = texts.unique()
    clean = _whisper()
    readable = different.str.replace_all(LONG_NUMBER, "$1 ")
    # Its time grows with the square of a run of spaces, so each run is one space first.
    cleaned = pl.Series([clean(" ".join(_closed(text).split())) for text in readable], dtype=pl.String)
    return _spaced(texts.replace_strict(different, cleaned, return_dtype=pl.String))


def _closed(text: str) -> str:
    """A text without brackets that never close, where they are many: whisper-normalizer looks from each of
    them to the end, and takes them out anyway.
    """
    for opening, closing in BRACKETS:
        end = max(map(text.rfind, closing)) + 1
        if sum(text.count(bracket, end) for bracket in opening) > MOST_OPEN:
            text = text[:end] + text[end:].translate(str.maketrans(opening, " " * len(opening)))
    return text


@cache
def _whisper() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()


def _spaced(texts: pl.Series) -> pl.Series:
    return texts.str.replace_all(SPACES, " ").str.strip_chars(" ")


def _where_not_ascii(texts: pl.Series, change: pl.Expr) -> pl.Series:
    """The texts with a change to those beyond ASCII, which alone need the slow steps."""
    rare = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    if rare.is_empty():
        return texts
    changed = texts.gather(rare).to_frame("text").select(change)
    return texts.scatter(rare, changed.to_series())


_STEPS = {"none": _none, "basic": _basic, "ascii": _ascii, "english": _english}
