"""Broken and hostile files and names, each with a name of its own. `@WITNESS@` is what they would make."""

import bz2
import gzip
import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import polars as pl
import skops.io
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression

from tests.bounty.fixes import repairable_table

WITNESS = b"@WITNESS@"
Made = Callable[[], bytes]


# Mutations of real files


def mutated(data: bytes, seed: int) -> bytes:
    """A few bits turned, bytes written over, a piece cut out, or a piece doubled."""
    draw, found = random.Random(seed), bytearray(data)
    start, length = draw.randrange(len(data)), draw.randint(1, 64)
    match seed % 4:
        case 0:
            for _ in range(draw.randint(1, 4)):
                found[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        case 1:
            piece = found[start : start + length]
            found[start : start + length] = draw.randbytes(len(piece))
        case 2:
            del found[start : start + length]
        case 3:
            found[start:start] = found[start : start + length]
    return bytes(found)


def mutations(name: str, data: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    for seed in range(count):
        yield f"{name}, mutation {seed}", mutated(data, seed)
    for part in (1, len(data) // 2, len(data) - 1):
        yield f"{name}, its first {part:,} bytes", data[:part]


# Real files


def real_table() -> pl.DataFrame:
    return repairable_table(600)


def parquet(frame: pl.DataFrame | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    (real_table() if frame is None else frame).write_parquet(buffer, **options)
    return buffer.getvalue()


def csv(frame: pl.DataFrame | None = None) -> bytes:
    return (real_table() if frame is None else frame).write_csv().encode()


def json_lines() -> bytes:
    return real_table().write_ndjson().encode()


def onnx_model() -> bytes:
    """For the columns of the world's bounties: young people."""
    columns = {"age": TensorProto.FLOAT, "home": TensorProto.STRING, "sex": TensorProto.STRING}
    columns |= {"income": TensorProto.FLOAT, "ref": TensorProto.STRING}
    weights = np.random.default_rng(0).normal(size=200).astype(np.float32)
    nodes = [
        ("MatMul", ["age", "first"], ["wide"], {}),
        ("Relu", ["wide"], ["bent"], {}),
        ("MatMul", ["bent", "second"], ["narrow"], {}),
        ("Reshape", ["narrow", "shape"], ["flat"], {}),
        ("Gather", ["flat", "which"], ["one"], {"axis": 1}),
        ("Less", ["one", "limit"], ["young"], {}),
        ("Cast", ["young"], ["group"], {"to": TensorProto.INT64}),
    ]
    graph = helper.make_graph(
        [helper.make_node(name, given, out, **options) for name, given, out, options in nodes],
        "young",
        [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in columns.items()],
        [helper.make_tensor_value_info("group", TensorProto.INT64, [None, 1])],
        [
            helper.make_tensor("first", TensorProto.FLOAT, [1, 100], weights[:100]),
            helper.make_tensor("second", TensorProto.FLOAT, [100, 1], weights[100:]),
            helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 1]),
            helper.make_tensor("which", TensorProto.INT64, [1], [0]),
            helper.make_tensor("limit", TensorProto.FLOAT, [1], [30.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def skops_model() -> bytes:
    random_numbers = np.random.default_rng(0)
    x = random_numbers.normal(size=(40, 5))
    return skops.io.dumps(LogisticRegression().fit(x, x[:, 0] > 0))


# Archives, polyglots, things that run


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def bomb(megabytes: int = 60) -> bytes:
    return zipped({"schema.json": bytes(megabytes << 20)})


def nested_zip(depth: int = 40) -> bytes:
    data = b"x" * 1000
    for level in range(depth):
        data = zipped({f"{level}.zip": data, "schema.json": b"{}"})
    return data


def many_members() -> bytes:
    return zipped({f"{n}.npy": b"" for n in range(20_000)}, zipfile.ZIP_STORED)


class Runs:
    def __reduce__(self):
        return exec, ("open('@WITNESS@', 'w')",)


def running_pickle() -> bytes:
    return pickle.dumps(Runs())


def skops_schema(schema: object) -> bytes:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return zipped({"schema.json": text.encode("utf-8", "surrogatepass")})


def node(**values) -> dict:
    """A skops file whose model is one object."""
    return {
        "__class__": "object",
        "__module__": "builtins",
        "__loader__": "ObjectNode",
        "protocol": 2,
        "_skops_version": "0.11",
    } | values


SCRIPT = b"#!/bin/sh\ntouch @WITNESS@\n"
PYTHON = b"open('@WITNESS@', 'w')\ndef predict(frame):\n    return frame.age < 30\n"
HTML = b"<!doctype html><script>alert(1)</script>"
PDF = b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n"
PNG = b"\x89PNG\r\n\x1a\n"

ANYWHERE: dict[str, Made] = {
    "nothing": lambda: b"",
    "one byte": lambda: b"\0",
    "a megabyte of NUL": lambda: bytes(1 << 20),
    "noise": lambda: random.Random(1).randbytes(50_000),
    "a zip bomb": bomb,
    "zips in zips": nested_zip,
    "a zip of 20,000 members": many_members,
    "a zip that climbs": lambda: zipped({"../../../../@WITNESS@": b"x", "/@WITNESS@": b"x"}),
    "a zip cut short": lambda: bomb(1)[:-30],
    "a gzip bomb": lambda: gzip.compress(bytes(60 << 20)),
    "a bzip2 bomb": lambda: bz2.compress(bytes(60 << 20)),
    "a pickle that runs": running_pickle,
    "a zip with a pickle": lambda: zipped({"data.pkl": running_pickle(), "schema.json": b"{}"}),
    "a zip that Python would run": lambda: zipped({"__main__.py": PYTHON}),
    "a shell script": lambda: SCRIPT,
    "a program": lambda: b"\x7fELF\x02\x01\x01" + bytes(100),
    "Python": lambda: PYTHON,
    "a web page": lambda: HTML,
    "an SVG with a script": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "XML with an entity of a file": lambda: (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    ),
    "a PDF": lambda: PDF + bytes(100),
    "a spreadsheet": lambda: zipped({"[Content_Types].xml": b"<a/>", "xl/workbook.xml": b"<a/>"}),
    "an old spreadsheet": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000),
    "a database": lambda: b"SQLite format 3\0" + bytes(1000),
    "Arrow": lambda: b"ARROW1\0\0" + bytes(1000),
    "HDF5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(1000),
}

MODELS: dict[str, tuple[str, Made]] = (
    {f"{kind}: {name}": (kind, made) for kind in ("onnx", "skops") for name, made in ANYWHERE.items()}
    | {
        f"onnx: {name}": ("onnx", lambda data=data: data)
        for name, data in mutations("a model", onnx_model(), 28)
    }
    | {
        f"skops: {name}": ("skops", lambda data=data: data)
        for name, data in mutations("a model", skops_model(), 16)
    }
    | {
        "onnx: a zip behind a model": ("onnx", lambda: onnx_model() + bomb(1)),
        "onnx: a model behind a web page": ("onnx", lambda: HTML + onnx_model()),
        "skops: a model behind an ONNX one": ("skops", lambda: onnx_model() + skops_model()),
        "skops: a web page before a model": ("skops", lambda: HTML + skops_model()),
        "skops: a pickle before a model": ("skops", lambda: running_pickle() + skops_model()),
        "skops: a model twice in one file": ("skops", lambda: skops_model() * 2),
        "skops: nested 100,000 deep": ("skops", lambda: skops_schema("[" * 100_000 + "]" * 100_000)),
        "skops: a number of 100,000 digits": ("skops", lambda: skops_schema("9" * 100_000)),
        "skops: a number beyond all": ("skops", lambda: skops_schema('{"protocol": 1e400}')),
        "skops: half a surrogate": ("skops", lambda: skops_schema('{"__class__": "\\ud800"}')),
        "skops: a shell": (
            "skops",
            lambda: skops_schema(
                node(
                    __class__="system",
                    __module__="posix",
                    __loader__="FunctionNode",
                    content="touch @WITNESS@",
                )
            ),
        ),
        "skops: names with NUL": (
            "skops",
            lambda: skops_schema(node(__module__="os\0", __class__="sys\0tem")),
        ),
        "skops: a node that is itself": (
            "skops",
            lambda: skops_schema(node(__id__=1, content={"__id__": 1, "__loader__": "CachedNode"})),
        ),
        "onnx: python": ("python", lambda: PYTHON),
        "onnx: no format there is": ("pickle", running_pickle),
    }
)


# Tables


def with_cell(cell: str) -> bytes:
    """The real table with one text in every 7th row."""
    frame = real_table().with_row_index()
    home = pl.when(pl.col("index") % 7 == 0).then(pl.lit(cell)).otherwise("home")
    return csv(frame.with_columns(home=home).drop("index"))


def with_number(text: str) -> bytes:
    lines = csv().split(b"\n")
    cells = lines[5].split(b",")
    cells[3] = text.encode()
    lines[5] = b",".join(cells)
    return b"\n".join(lines)


def with_header(old: str, new: str) -> bytes:
    return csv().replace(old.encode(), new.encode(), 1)


CELLS = {
    "a formula": '=HYPERLINK("http://evil.example")',
    "a command": "=cmd|' /C calc'!A0",
    "a plus": "+1+1",
    "a minus": "-1+1",
    "an at sign": "@SUM(A1)",
    "a tab first": "\t=1+1",
    "a carriage return first": "\r=1+1",
    "a wide equals sign": "＝1+1",
    "a script": "<script>alert(1)</script>",
    "a picture that fails": '"><img src=x onerror=alert(1)>',
    "a template": "{{ 7*7 }}{% include 'x' %}",
    "right to left": "\u202egnp.exe\u202c",
    "letters that look alike": "rеnt",
    "no width": "re\u200bnt\ufeff",
    "a million marks": "e" + "\u0301" * 100_000,
    "NUL": "re\0nt",
    "a terminal's escapes": "\x1b]0;owned\x07\x1b[2J",
    "an address of a script": "javascript:alert(1)",
}
NUMBERS = {
    "beyond all": "1e400",
    "below all": "-1e400",
    "of 100,000 digits": "9" * 100_000,
    "tiny": "1e-400",
    "in hexadecimal": "0x10",
    "no number": "nan",
    "without end": "-inf",
    "in other digits": "٣٤",
    "with underscores": "1_000",
    "a date": "2020-01-01",
}
TABLES: dict[str, Made] = (
    ANYWHERE
    | {name: lambda data=data: data for name, data in mutations("Parquet", parquet(compression="zstd"), 24)}
    | {name: lambda data=data: data for name, data in mutations("JSON lines", json_lines(), 8)}
    | {f"CSV with {name}": lambda cell=cell: with_cell(cell) for name, cell in CELLS.items()}
    | {f"CSV with a number {name}": lambda text=text: with_number(text) for name, text in NUMBERS.items()}
    | {
        "a PDF that is CSV": lambda: PDF.replace(b"\n", b" ") + csv(),
        "a picture that is CSV": lambda: PNG + csv(),
        "Parquet with a web page in it": lambda: parquet(metadata={"page": HTML.decode()}),
        "Parquet behind a web page": lambda: HTML + parquet(),
        "Parquet before a zip": lambda: parquet() + bomb(1),
        "Parquet of nothing": lambda: parquet(real_table().clear()),
        "Parquet of lists": lambda: parquet(real_table().with_columns(home=pl.concat_list("home", "sex"))),
        "Parquet of bytes": lambda: parquet(real_table().with_columns(pl.col("home").cast(pl.Binary))),
        "Parquet with a name of NUL": lambda: parquet(real_table().rename({"home": "ho\0me"})),
        "a quotation mark that stays open": lambda: csv() + b'1,"' + b"x" * 3_000_000,
        "a line of a million commas": lambda: csv() + b"," * 1_000_000 + b"\n",
        "a header of 100,000 columns": lambda: b",".join(b"c%d" % n for n in range(100_000)) + b"\n1\n",
        "a cell of 10 MB": lambda: with_cell("")[:-1] + b"\n20," + b"x" * 10_000_000 + b",f,1,1,1\n",
        "UTF-16": lambda: csv().decode().encode("utf-16"),
        "UTF-32": lambda: csv().decode().encode("utf-32"),
        "UTF-7": lambda: csv().replace(b"rent", b"+AD0-1+AC0-1"),
        "bytes of no encoding": lambda: csv().replace(b"rent", b"\xff\xfe\xfd"),
        "half a surrogate": lambda: csv().replace(b"rent", b"\xed\xa0\x80"),
        "two marks of byte order": lambda: b"\xef\xbb\xbf" * 2 + csv(),
        "Macintosh lines": lambda: csv().replace(b"\n", b"\r"),
        "NUL between lines": lambda: csv().replace(b"\n", b"\n\0"),
        "a header that is a formula": lambda: with_header("home", "=1+1"),
        "a header that is a script": lambda: with_header("home", "<script>alert(1)</script>"),
        "a header that turns round": lambda: with_header("home", "\u202eemoh"),
        "a header that is blank": lambda: with_header("home", " "),
        "a header twice": lambda: with_header("home", "sex"),
        "a header of Python's": lambda: with_header("home", "__class__"),
        "a header with a look-alike": lambda: with_header("sex", "sеx"),
        "JSON of one line": lambda: json.dumps(real_table().to_dicts()).encode(),
        "JSON nested deep": lambda: b'{"age": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "JSON with a number beyond all": lambda: json_lines() + b'{"age": 1e400}\n',
        "JSON with a number of 100,000 digits": lambda: json_lines() + b'{"age": ' + b"9" * 100_000 + b"}\n",
        "JSON with half a surrogate": lambda: json_lines() + b'{"home": "\\ud800"}\n',
        "JSON with a key twice": lambda: json_lines() + b'{"age": 1, "age": "x"}\n',
        "JSON with a key of JavaScript's": lambda: json_lines() + b'{"__proto__": {"x": 1}}\n',
    }
)  # fmt: skip


# Names of files, as bytes of the header that carries them

FILE_NAMES = {
    "a path up": b"../../../../etc/passwd",
    "a path up, written otherwise": b"..%2f..%2fetc%2fpasswd",
    "a Windows path": rb"..\..\windows\system32\cmd.exe",
    "an absolute path": b"/etc/cron.d/x",
    "a drive": b"C:\\boot.ini",
    "an address": b"file:///etc/passwd",
    "a home": b"~root/.ssh/authorized_keys",
    "an option": b"--help",
    "a dot": b".",
    "two dots": b"..",
    "a space": b" ",
    "5,000 letters": b"x" * 5_000,
    "a device": b"CON",
    "another device": b"nul.csv",
    "NUL": b"a\0.csv",
    "half a surrogate": b"\xed\xa0\x80.csv",
    "bytes of no encoding": b"\xff\xfe.csv",
    "turned round": "\u202evsc.exe".encode(),
    "letters that look alike": "mоdel.csv".encode(),
    "no width": "\u200b\ufeff.csv".encode(),
    "a formula": b"=cmd|' /C calc'!A0",
    "a script": b"<script>alert(1)</script>.csv",
    "a picture that fails": b"'><img src=x onerror=alert(1)>",
    "a quotation mark": b'a\\"; filename=\\"b',
    "a header of its own": b"a\rSet-Cookie: x=1",
    "a template": b"{{ 7*7 }}.csv",
    "a thousand marks": ("e" + "\u0301" * 1_000).encode(),
}


# Rules

RULES = {
    "10 MB": "age < 1 OR " * 1_000_000 + "age < 1",
    "1 MB of a text": "home = '" + "x" * 1_000_000 + "'",
    "100,000 brackets": "(" * 100_000 + "age < 1" + ")" * 100_000,
    "100,000 times not": "NOT " * 100_000 + "age < 1",
    "100,000 minus signs": "age < " + "- " * 100_000 + "1",
    "a number beyond all": "age < 1e400",
    "a number of 100,000 digits": "age < " + "9" * 100_000,
    "a tiny number": "age < 1e-400",
    "NUL": "age < 1\0",
    "half a surrogate": "home = '\ud800'",
    "half a surrogate in a name": "ho\udfffme = 'x'",
    "right to left": "home = '\u202etner\u202c'",
    "letters that look alike": "аge < 30",
    "no width": "age\u200b < 30",
    "a name of 100,000 letters": f'"{"x" * 100_000}" < 1',
    "a script": "home = '<script>alert(1)</script>'",
    "a template": "home = '{{ 7*7 }}'",
    "100,000 values": "age IN (" + "1," * 100_000 + "1)",
    "a formula": "=1+1",
    "a terminal's escapes": "home = '\x1b[2J'",
}
