"""Files a verdict can be given again from: the errors it was judged on, stored masks and answers."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness.tables import read_table
from fairness.verdict import Evidence, Mask

TRUTHS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}


def read_evidence(path: Path) -> Evidence:
    """The evidence in a Parquet or CSV file with columns errors, exposure and, where known, cluster and
    weight.

    Clusters may be numbers or names. Raises ValueError with a sentence that names the file and what is wrong.
    """
    try:
        frame = read_table(path)
        for name in ("errors", "exposure", "cluster", "weight"):
            if name not in frame.columns and name in ("errors", "exposure"):
                raise ValueError(f"there is no column {name}; it needs errors and exposure.")
            if name in frame.columns and frame[name].null_count():
                raise ValueError(f"column {name} has missing values.")
        numbers = {
            name: frame[name].to_numpy() for name in ("errors", "exposure", "weight") if name in frame.columns
        }
        for name, values in numbers.items():
            if values.dtype != np.float64:
                raise ValueError(f"column {name} holds something other than numbers.")
        clusters = None
        if "cluster" in frame.columns:
            clusters = np.unique(frame["cluster"].to_numpy(), return_inverse=True)[1]
        return Evidence(numbers["errors"], numbers["exposure"], clusters, numbers.get("weight"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_mask(path: Path, rows: int) -> Mask:
    """A mask of so many rows, from a .npy file of booleans, packed bits (.bin) or a column of 0 and 1 (.csv).

    Packed bits are as numpy.packbits writes them: first row first, in the highest bit of the first byte. A
    CSV may start with a line that names the column. Raises ValueError with a sentence that names the file.
    """
    readers = {".npy": _read_npy, ".bin": _read_packed, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: a mask is a file that ends in {', '.join(readers)}.")
    try:
        mask = reader(path, rows)
    except OSError as error:
        raise ValueError(f"{path}: the file cannot be opened.") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if len(mask) != rows:
        raise ValueError(f"{path}: the mask has {len(mask)} rows and the errors have {rows}.")
    return mask


def read_answers(path: Path, rows: int, labels: int | None) -> NDArray[Any]:
    """The answers on so many rows from a .npy file: places in a list of so many labels, uint16[rows], or
    where there is none numbers, float64[rows].

    Raises ValueError with a sentence that names the file.
    """
    try:
        array = _load(path, "answers are")
        if len(array) != rows:
            raise ValueError(f"there are {len(array)} answers for the {rows} rows of the mask.")
        if labels is None:
            if array.dtype.kind != "f" or not np.isfinite(array).all():
                raise ValueError("answers are numbers, none of them missing.")
            return array.astype(np.float64)
        if array.dtype.kind not in "iu" or (rows and not 0 <= array.min() <= array.max() < labels):
            raise ValueError(f"answers are the places of {labels} labels, whole numbers from 0 on.")
    except OSError as error:
        raise ValueError(f"{path}: the file cannot be opened.") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return array.astype(np.uint16)


def _load(path: Path, what: str) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError("this is no NumPy file.") from error
    if not isinstance(array, np.ndarray) or array.ndim != 1:
        raise ValueError(f"{what} one column.")
    return array


def _read_npy(path: Path, rows: int) -> Mask:
    array = _load(path, "a mask is")
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise ValueError("a mask holds 0 and 1, or False and True.")
    return array.astype(np.bool_)


def _read_packed(path: Path, rows: int) -> Mask:
    packed = np.fromfile(path, dtype=np.uint8)
    bits = np.unpackbits(packed)
    if len(packed) != (rows + 7) // 8 or bits[rows:].any():
        raise ValueError(f"{len(packed)} bytes do not hold {rows} packed rows.")
    return bits[:rows].astype(np.bool_)


def _read_csv(path: Path, rows: int) -> Mask:
    try:
        lines = path.read_text(encoding="utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise ValueError("this is no text file.") from error
    words = [line.strip('"').lower() for line in lines]
    if len(words) == rows + 1 and words[0] not in TRUTHS:
        del words[0]
    wrong = next((place for place, word in enumerate(words, start=1) if word not in TRUTHS), None)
    if wrong:
        raise ValueError(f"row {wrong} is neither 0 nor 1: {words[wrong - 1][:40]}")
    return np.array([TRUTHS[word] for word in words], dtype=np.bool_)
