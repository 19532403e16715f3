"""Files made to take the reader down: each ends in a sentence, within little memory and time.

Every file is read in a process of its own, with limits, so that a reader who falls for one ends alone.
"""

import contextlib
import io
import multiprocessing
import resource
from pathlib import Path

import polars as pl
import pytest
from django.core.files.base import ContentFile

from bounty.preview import HEAD_BYTES, preview
from fairness.parquet import FOOTER
from fairness.tables import TableError, read_table
from fairness.thrift import BYTES, INT32, INT64, DamagedError, Reader, write

MEMORY = 3 << 30
SECONDS = 20


def varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def parquet(footer: bytes, pages: bytes = b"") -> bytes:
    return b"PAR1" + pages + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def structs(key: int, count: int, items: bytes) -> bytes:
    """A field that is a list of structs."""
    return b"\x09" + varint(2 * key) + b"\xfc" + varint(count) + items


def element(name: bytes, children: int = 0) -> bytes:
    fields = {3: 1, 4: name} | ({5: children} if children else {1: 5})
    return write(fields, {1: INT32, 3: INT32, 4: BYTES, 5: INT32})


def nested(depth: int) -> bytes:
    schema = structs(2, depth + 1, element(b"s", 1) + element(b"a", 1) * depth)
    return parquet(schema + write({3: 10}, {3: INT64}))


def endless_schema() -> bytes:
    return parquet(structs(2, 2**31 - 1, b""))


def empty_structs(count: int) -> bytes:
    return parquet(structs(2, count, bytes(count)) + b"\0")


def whole_file(**columns: list | pl.Series) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def with_field(data: bytes, field: bytes) -> bytes:
    """The file with one more field in its footer."""
    size = int.from_bytes(data[-8:-4], "little")
    return parquet(data[-8 - size : -9] + field + b"\0", data[4 : -8 - size])


def masked_list() -> bytes:
    """A good file whose column orders, a list, are said to be bytes: an endless list when read by number."""
    inner = b"\xfc" + varint(2**31 - 1)
    return with_field(whole_file(a=[1, 2]), b"\x08\x0e" + varint(len(inner)) + inner)


def broken_arrow_schema() -> bytes:
    """A good file with an Arrow schema that is none."""
    entry = write({1: b"ARROW:schema", 2: b"!"}, {1: BYTES, 2: BYTES})
    return with_field(whole_file(a=[1, 2]), structs(5, 1, entry))


def wide_dictionary() -> bytes:
    """10 numbers, said to be values of 10,000 bytes each."""
    data = whole_file(a=[1] * 10)
    size = int.from_bytes(data[-8:-4], "little")
    footer = Reader(data[-8 - size : -8], 1000).struct()
    footer[2][1] |= {1: 7, 2: 10_000}
    return parquet(write(footer, FOOTER), data[4 : -8 - size])


def repeated_text(rows: int) -> bytes:
    """Texts of 10,000 characters, each stored once."""
    texts = pl.Series(["a" * 10_000, "b" * 10_000])
    few = pl.Series(["c" * 9_999, "d" * 9_999])
    where = pl.int_range(rows, eager=True) % 2
    return whole_file(label=texts.gather(where), text=few.gather(where))


def shared_prefixes() -> bytes:
    """A file whose texts are said to be stored as what they share with the one before."""
    data = whole_file(a=["one", "two"] * 50)
    dictionary = Reader(data[4:], 1000)
    start = 4 + dictionary.struct()[3] + dictionary.position
    page = Reader(data[start:], 1000)
    fields = page.struct()
    old = data[start : start + page.position]
    for at in range(len(old)):
        new = old[:at] + b"\x0e" + old[at + 1 :]
        with contextlib.suppress(DamagedError):
            if Reader(new, 1000).struct() == fields | {5: fields[5] | {2: 7}}:
                return data.replace(old, new)
    raise AssertionError("no byte of the header is the encoding")


def in_own_process(work, data: bytes, path: str) -> str:
    """What became of the work: the sentence it ended with, or its result."""
    receive, send = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(target=limited, args=(work, data, path, send))
    child.start()
    send.close()
    try:
        return receive.recv()
    except EOFError:
        child.join()
        return f"the process ended with {child.exitcode}"
    finally:
        child.join()


def limited(work, data: bytes, path: str, send) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        send.send(work(data, path))
    except TableError as error:
        send.send(str(error))


def previewed(data: bytes, path: str) -> str:
    return str(preview(ContentFile(data))["rows"])


def read(data: bytes, path: str) -> str:
    Path(path).write_bytes(data)
    return str(read_table(path).rows())


@pytest.mark.parametrize("work", [previewed, read])
@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(nested(100_000), '"a" is nested', id="nested"),
        pytest.param(nested(200_000), "footer is too long", id="nested deeper"),
        pytest.param(endless_schema(), "damaged", id="endless schema"),
        pytest.param(empty_structs(2_000_000), "footer is too long", id="empty structs"),
    ],
)
def test_no_footer_takes_a_reader_down(tmp_path, work, data, says):
    assert says in in_own_process(work, data, str(tmp_path / "table"))


@pytest.mark.parametrize("data", [masked_list(), broken_arrow_schema()], ids=["masked list", "Arrow schema"])
def test_the_parser_sees_only_the_fields_that_were_checked(tmp_path, data):
    assert in_own_process(previewed, data, "") == "2"
    assert in_own_process(read, data, str(tmp_path / "table")) == "[(1.0,), (2.0,)]"


def test_wide_fixed_values_are_refused_unread(tmp_path):
    assert "of type Binary" in in_own_process(read, wide_dictionary(), str(tmp_path / "table"))


def test_texts_of_shared_prefixes_are_refused_unread(tmp_path):
    assert "DELTA_BYTE_ARRAY" in in_own_process(read, shared_prefixes(), str(tmp_path / "table"))


def test_text_stored_once_counts_in_every_row(tmp_path):
    data = repeated_text(100_000)
    assert len(data) < 1_000_000
    assert "texts take more than 1,024 MB" in in_own_process(read, data, str(tmp_path / "table"))
    assert in_own_process(previewed, data, "") == "100000"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b'a,b\n1,"' + b"\n" * HEAD_BYTES, "Row 2 does not end", id="newlines in an open quote"),
        pytest.param(b"a,b\n1," + b"x" * HEAD_BYTES, "Row 2 does not end", id="long row"),
        pytest.param(b"a," + b"b" * HEAD_BYTES, "first row does not end", id="long header"),
        pytest.param(b'a,"b' + b"\n" * HEAD_BYTES, "never closed", id="open header"),
    ],
)
def test_no_csv_head_is_endless(data, says):
    assert says in in_own_process(previewed, data, "")
