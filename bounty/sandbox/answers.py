"""A model's answers on their way out of the child: canonical labels, and one message that can be checked.

A group's answers are 1 or 0, as booleans, numbers or the strings "1" and "0". Whole numbers have one label
however they are written: true, 1, 1.0 and "1" are "1".
"""

import json

import numpy as np

from .codes import REJECTIONS, Rejected, detail, shorten

LOCKED, ANSWERS, REFUSAL = b"+", b"A", b"R"
MAX_LABELS = 1000
MAX_LABEL_CHARACTERS = 200
MAX_HEADER_BYTES = 1 << 20
CODE = np.dtype("<u2")


class Refusal(Exception):
    """Raised in the child: a code, a template of codes.DETAILS and its facts."""

    def __init__(self, code: str, key: str = "", *facts: object) -> None:
        super().__init__(code)
        self.code, self.key, self.facts = code, key, [str(fact) for fact in facts]


def canonical(values: object, rows: int) -> tuple[list[str], np.ndarray]:
    """One batch's answers as distinct labels and a code per row."""
    array = np.asarray(values)
    if array.shape not in ((rows,), (rows, 1)):
        raise Refusal("wrong_output_shape", "output_shape", rows, list(array.shape))
    array = array.reshape(rows)
    if array.dtype.kind in "OUST":
        return _label_objects(array.tolist())
    if array.dtype.kind not in "biuf":
        raise Refusal("wrong_output_shape", "output_type", array.dtype)
    if array.dtype.kind == "f" and (missing := int(np.isnan(array).sum())):
        raise Refusal("has_missing_answers", "missing", missing, rows)
    if ((array == 0) | (array == 1)).all():
        return ["0", "1"], array.astype(CODE)
    distinct, codes = np.unique(array, return_inverse=True)
    _check_count(len(distinct))
    return [_label(value) for value in distinct.tolist()], codes.astype(CODE)


def _label_objects(values: list) -> tuple[list[str], np.ndarray]:
    missing = sum(value is None or value != value or value == "" for value in values)
    if missing:
        raise Refusal("has_missing_answers", "missing", missing, len(values))
    labels: dict[str, int] = {}
    codes = np.empty(len(values), CODE)
    for row, value in enumerate(values):
        codes[row] = labels.setdefault(_label(value), len(labels))
        _check_count(len(labels))
    return list(labels), codes


def _label(value: object) -> str:
    if isinstance(value, str):
        label = value
    elif isinstance(value, (bool, np.bool_)):
        label = str(int(value))
    elif isinstance(value, (int, float, np.number)):
        label = str(int(value)) if np.isfinite(value) and value == int(value) else repr(float(value))
    else:
        raise Refusal("not_zero_or_one", "answers", f"objects of type {type(value).__name__}")
    if len(label) > MAX_LABEL_CHARACTERS:
        raise Refusal("too_many_labels")
    return label


def _check_count(labels: int) -> None:
    if labels > MAX_LABELS:
        raise Refusal("too_many_labels")


def merge(batches: list[tuple[list[str], np.ndarray]]) -> tuple[list[str], np.ndarray]:
    labels: dict[str, int] = {}
    parts = []
    for names, codes in batches:
        places = np.array([labels.setdefault(name, len(labels)) for name in names], CODE)
        parts.append(places[codes] if len(codes) else codes)
    _check_count(len(labels))
    return list(labels), np.concatenate(parts)


def pack_answers(labels: list[str], codes: np.ndarray) -> bytes:
    header = json.dumps(labels).encode()
    return ANSWERS + len(header).to_bytes(4, "little") + header + codes.astype(CODE).tobytes()


def pack_refusal(refusal: Refusal) -> bytes:
    facts = [shorten(fact, 2000) for fact in refusal.facts]
    return REFUSAL + json.dumps([refusal.code, refusal.key, facts]).encode()


def max_message_bytes(rows: int) -> int:
    return 5 + MAX_HEADER_BYTES + CODE.itemsize * rows


def unpack(message: bytes, rows: int) -> tuple[list[str], np.ndarray]:
    """The host's side: believe nothing. Anything that is not exactly one message is a crash."""
    try:
        kind, body = message[:1], message[1:]
        if kind == REFUSAL:
            raise _rejected(json.loads(body))
        if kind == ANSWERS:
            size = int.from_bytes(body[:4], "little")
            return _checked(json.loads(body[4 : 4 + size]), np.frombuffer(body[4 + size :], CODE), rows)
    except (ValueError, RecursionError):
        pass
    raise Rejected("crashed")


def _rejected(refusal: object) -> Rejected:
    match refusal:
        case [str(code), str(key), [*facts]] if code in REJECTIONS and all(isinstance(f, str) for f in facts):
            return Rejected(code, detail(key, facts))
    raise ValueError


def _checked(labels: object, codes: np.ndarray, rows: int) -> tuple[list[str], np.ndarray]:
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError
    if len(set(labels)) != len(labels) or len(codes) != rows or (rows and codes.max() >= len(labels)):
        raise ValueError
    return labels, codes


def as_group(labels: list[str], codes: np.ndarray) -> np.ndarray:
    """bool [rows] from the labels "0" and "1"."""
    used = [labels[code] for code in np.unique(codes)]
    others = [label for label in used if label not in ("0", "1")]
    if others:
        raise Rejected("not_zero_or_one", detail("answers", [", ".join(others[:5])]))
    return np.array([label == "1" for label in labels], bool)[codes]
