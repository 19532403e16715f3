"""The one message of a child: labels with a code per row, or a refusal. The host believes nothing of it."""

import json

import numpy as np

from fairness.losses import LARGEST

from .codes import REJECTIONS, Rejected, detail, shorten

LOCKED, ANSWERS, NUMBERS, REFUSAL = b"+", b"A", b"N", b"R"
MAX_LABELS = 1000
MAX_HEADER_BYTES = 1 << 20
MAX_FACT_CHARACTERS = 2000
CODE = np.dtype("<u2")
NUMBER = np.dtype("<f8")


class Refusal(Exception):
    """Raised in the child: a code, a template of codes.DETAILS and its facts."""

    def __init__(self, code: str, key: str = "", *facts: object) -> None:
        super().__init__(code)
        self.code, self.key, self.facts = code, key, [str(fact) for fact in facts]


def pack_answers(labels: list[str], codes: np.ndarray) -> bytes:
    header = json.dumps(labels).encode()
    return ANSWERS + len(header).to_bytes(4, "little") + header + codes.astype(CODE).tobytes()


def pack_numbers(numbers: np.ndarray) -> bytes:
    return NUMBERS + numbers.astype(NUMBER).tobytes()


def pack_refusal(refusal: Refusal) -> bytes:
    facts = [shorten(fact, MAX_FACT_CHARACTERS) for fact in refusal.facts]
    return REFUSAL + json.dumps([refusal.code, refusal.key, facts]).encode()


def max_message_bytes(rows: int, numbers: bool) -> int:
    return 5 + MAX_HEADER_BYTES + (NUMBER if numbers else CODE).itemsize * rows


def unpack(message: bytes, rows: int, *, from_rule: bool) -> tuple[list[str], np.ndarray]:
    """Anything that is not exactly one message is a crash."""
    try:
        kind, body = message[:1], message[1:]
        if kind == REFUSAL:
            raise _rejected(json.loads(body), from_rule)
        if kind == ANSWERS:
            size = int.from_bytes(body[:4], "little")
            return _checked(json.loads(body[4 : 4 + size]), np.frombuffer(body[4 + size :], CODE), rows)
    except (ValueError, RecursionError):
        pass
    raise Rejected("crashed")


def unpack_numbers(message: bytes, rows: int, kind: str) -> np.ndarray:
    """Numbers that can be squared, probabilities between 0 and 1. What else is no refusal is a crash."""
    if message[:1] != NUMBERS:
        unpack(message, rows, from_rule=False)
        raise Rejected("crashed")
    body = message[1:]
    if len(body) != NUMBER.itemsize * rows:
        raise Rejected("crashed")
    numbers = np.frombuffer(body, NUMBER).astype(np.float64)
    least, most = (0.0, 1.0) if kind == "probability" else (-LARGEST, LARGEST)
    if not np.isfinite(numbers).all() or (rows and (numbers.min() < least or numbers.max() > most)):
        raise Rejected("crashed")
    return numbers


def as_labels(labels: list[str], codes: np.ndarray, known: tuple[str, ...]) -> np.ndarray:
    """uint16 [rows]: codes into the known labels."""
    used = [labels[code] for code in np.unique(codes)]
    unknown = [label for label in used if label not in known]
    if unknown:
        raise Rejected("unknown_labels", detail("labels", [", ".join(unknown[:5]), ", ".join(known)]))
    return np.array([known.index(label) if label in known else 0 for label in labels], np.uint16)[codes]


def _rejected(refusal: object, from_rule: bool) -> Rejected:
    match refusal:
        # Only of a rule, whose code is ours, is a whole sentence taken.
        case ["rule_error", str(key), [str(sentence)]] if from_rule:
            return Rejected("rule_error", detail(key, [sentence]))
        case [str(code), str(key), [*facts]] if code in REJECTIONS and code != "rule_error" and key != "rule":
            if all(isinstance(fact, str) for fact in facts):
                return Rejected(code, detail(key, facts))
    raise ValueError


def _checked(labels: object, codes: np.ndarray, rows: int) -> tuple[list[str], np.ndarray]:
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError
    if (
        not len(labels) == len(set(labels)) <= MAX_LABELS
        or len(codes) != rows
        or (rows and codes.max() >= len(labels))
    ):
        raise ValueError
    return labels, codes


def as_group(labels: list[str], codes: np.ndarray) -> np.ndarray:
    """bool [rows] from the labels "0" and "1"."""
    used = [labels[code] for code in np.unique(codes)]
    others = [label for label in used if label not in ("0", "1")]
    if others:
        raise Rejected("not_zero_or_one", detail("answers", [", ".join(others[:5])]))
    return np.array([label == "1" for label in labels], bool)[codes]
