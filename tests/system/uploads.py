"""Files too large for a disk of one megabyte."""

from pathlib import Path

from config.demo.client import multipart
from tests.repairable import repairable_table

MODEL_BYTES = 3_000_000
TABLE_ROWS = 120_000


def big_model() -> tuple[bytes, str]:
    """A dry run of a Python function with a long comment in it."""
    source = b"def predict(frame):\n    return (frame['age'] < 30).to_numpy()\n#" + b" " * MODEL_BYTES
    return multipart({"kind": "find", "group_format": "onnx"}, {"group_file": ("g.onnx", source)})


def big_table(folder: Path, rows: int = TABLE_ROWS) -> Path:
    path = folder / "table.csv"
    repairable_table(rows).write_csv(path)
    return path
