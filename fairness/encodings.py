"""How a text file is encoded, and the file in UTF-8, which is all that the readers read.

UTF-8 and UTF-16 say what they are; anything else is a guess from the words that are not ASCII, so whoever
shows a table's numbers also shows what `detect` assumed.
"""

import codecs
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, islice, takewhile
from pathlib import Path

from charset_normalizer import from_bytes

from fairness.columns import TableError

BLOCK = 1 << 22
BOM = codecs.BOM_UTF8
UTF8, WINDOWS = "utf-8", "windows-1252"
MARKS = {codecs.BOM_UTF8: UTF8, codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

# Tried when a file is not UTF-8; the earlier one where two fit the words equally well.
LEGACY = {
    **{f"cp{page}": f"windows-{page}" for page in (1252, 1250, 1251, 1253, 1254, 1255, 1256, 1257)},
    **{"koi8_r": "koi8-r", "iso8859_2": "iso-8859-2", "iso8859_5": "iso-8859-5", "iso8859_7": "iso-8859-7"},
    **{"cp874": "cp874", "gb18030": "gb18030", "big5": "big5", "cp932": "cp932", "euc_jp": "euc-jp"},
    **{"cp949": "cp949", "mac_roman": "mac-roman", "cp850": "cp850"},
}
MARKED_WORD = re.compile(rb'(?<![^\s,;"])[^\s,;"\x80-\xff]*[\x80-\xff][^\s,;"]*')
FEW_BYTES = 8  # not enough to tell anything from
WESTERN = ("cp1252", "cp1254")
HEAD_START = 0.05  # of these in chaos, which says how unlike any text a sample looks
LEAST_PLAIN = 8  # characters of a header
WORDS_PER_BLOCK = 2000
SAMPLE = 1 << 16
MIXED_SHARE = 0.1

SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b")
NOT_A_TABLE = "The file is a spreadsheet, an archive or a document, not a table. Save it as CSV."
UTF32 = "The file is UTF-32. Save it as CSV in UTF-8."
NULS = "The file holds NUL bytes, so it is neither CSV nor Parquet."


class UndecodableError(ValueError):
    """The bytes of this line mean nothing in the encoding."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def detect(path: Path, *, whole: bool = True) -> str:
    """The encoding a text file is read in, by its common name, such as "utf-8", "utf-16-le", "windows-1252".

    A byte order mark decides; else UTF-16 when the beginning makes sense so, and UTF-8 when the whole file
    does. Otherwise the likeliest of LEGACY in which the whole file can be decoded, Windows-1252 where no
    other is likelier. whole: the file is not one's beginning, which may end within a character.

    Raises TableError for what is no text file, and, naming the line, where none fits or the file is mixed: in
    UTF-8 but for some words.
    """
    with path.open("rb") as file:
        start = file.read(SAMPLE)
    if start.startswith(SPREADSHEETS):
        raise TableError(NOT_A_TABLE)
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise TableError(UTF32)
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding
    if wide := _unmarked_utf16(start):
        return wide
    if b"\0" in start:
        raise TableError(NULS)
    line = _undecodable_line(path, UTF8, whole)
    if line is None:
        return UTF8
    words = _marked_words(path)
    if not whole and len(words) > 1:
        words.pop()  # perhaps half a word
    if sum(_is_utf8(word) for word in words) <= MIXED_SHARE * len(words):
        for encoding in _likeliest(words):
            if _undecodable_line(path, encoding, whole) is None:
                return encoding
    raise not_text(line)


@contextmanager
def utf8_copy(path: Path, encoding: str, max_bytes: int, *, whole: bool = True) -> Iterator[Path]:
    """The file in UTF-8: itself, or a copy that is removed afterwards.

    Raises TableError naming the line that cannot be decoded, or when the copy gets longer than `max_bytes`.
    """
    if encoding == UTF8:
        yield path
        return
    with tempfile.NamedTemporaryFile() as copy:
        try:
            for text in _texts(path, encoding, whole):
                copy.write(text.encode())
                if copy.tell() > max_bytes:
                    raise TableError(
                        f"In UTF-8 the file takes more than {max_bytes / 2**20:,.0f} MB; cut it down."
                    )
        except UndecodableError as error:
            raise not_text(error.line, encoding) from error
        copy.flush()
        yield Path(copy.name)


def not_text(line: int, encoding: str = UTF8) -> TableError:
    return TableError(f"Line {line} is not {encoding.upper()} text. Save the file as CSV in UTF-8.")


def _texts(path: Path, encoding: str, whole: bool) -> Iterator[str]:
    """The file's text in pieces. Raises UndecodableError."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK)
            try:
                text = decoder.decode(block, final=whole and not block)
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(encoding)
                raise UndecodableError(line + good.count("\n")) from error
            if not block:
                return
            line += text.count("\n")
            yield text


def _undecodable_line(path: Path, encoding: str, whole: bool) -> int | None:
    try:
        for _ in _texts(path, encoding, whole):
            pass
    except UndecodableError as error:
        return error.line
    return None


def _unmarked_utf16(start: bytes) -> str | None:
    """UTF-16 without a mark: read so, it has lines, some ASCII and no NUL."""
    for encoding in ("utf-16-le", "utf-16-be"):
        text = start.decode(encoding, errors="ignore")
        plain = len(text.encode("ascii", errors="ignore"))
        if "\n" in text and "\0" not in text and plain >= max(LEAST_PLAIN, len(text) / 10):
            return encoding
    return None


def _marked_words(path: Path) -> list[bytes]:
    """Different words that are not ASCII, from all over the file."""
    words: dict[bytes, None] = {}
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found = MARKED_WORD.finditer(block + file.readline(BLOCK))
            words |= {match.group(): None for match in islice(found, WORDS_PER_BLOCK)}
    return list(words)[:: 1 + len(words) // (4 * WORDS_PER_BLOCK)]


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


def _likeliest(words: list[bytes]) -> list[str]:
    """LEGACY encodings that the words may be in, the likeliest first."""
    ends = takewhile(lambda end: end <= SAMPLE, accumulate(len(word) + 1 for word in words))
    sample = b"\n".join(words[: max(1, len(list(ends)))])
    if len(sample) - len(sample.decode("ascii", errors="ignore")) < FEW_BYTES:
        return [WINDOWS]
    places = {encoding: place for place, encoding in enumerate(LEGACY)}
    rank = {
        LEGACY[encoding]: (
            match.chaos - HEAD_START * (encoding in WESTERN),
            -round(match.coherence, 1),
            places[encoding],
        )
        for match in from_bytes(sample, steps=20, cp_isolation=list(LEGACY))
        for encoding in match.could_be_from_charset
        if encoding in LEGACY
    }
    rank.setdefault(WINDOWS, (1.0, 0.0, 0))
    return sorted(rank, key=lambda encoding: rank[encoding])
