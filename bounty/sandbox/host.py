"""One run of a submission: the request, and what its end means. Nothing that a child says is believed."""

import math
import signal
import threading
from dataclasses import dataclass

import numpy as np

from . import answers
from .codes import FORMATS, Rejected, SandboxFailure, detail
from .process import Inputs, Request, Zygote
from .table import FeatureTable
from .wanted import Wanted
from .watch import Ended

WITHOUT_LANDLOCK = ("rule", "onnx")
MEGABYTE = 1 << 20
MAX_PAYLOAD_BYTES = {"rule": MEGABYTE, "onnx": 100 * MEGABYTE, "skops": 100 * MEGABYTE, "python": MEGABYTE}


@dataclass(frozen=True)
class Output:
    """In the table's order: a group is bool [rows], labels are strings [rows], of a predictor codes of the
    wanted labels or float64 [rows]."""

    values: np.ndarray
    seconds: float
    log: str


class Sandbox:
    """One per worker process. Its zygote starts at the first run, and again when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zygote: Zygote | None = None

    def start(self) -> None:
        """Load the libraries now rather than at the first run."""
        with self._lock:
            self._living_zygote()

    def close(self) -> None:
        with self._lock:
            self._leave_zygote()

    def run(
        self,
        format: str,  # noqa: A002
        payload: bytes,
        table: FeatureTable,
        *,
        wall_seconds: float = 10.0,
        memory_mb: int = 1024,
        order: np.ndarray | None = None,
        batches: int = 1,
        kind: str = "group",
        wanted: Wanted | None = None,
    ) -> Output:
        """Run a payload on the rows, in `order` where given, cut into batches.

        `kind` says what its answers are: a group, or labels of any kind; `wanted` is what a predictor is
        asked for, and comes before it. Whoever asks for Python knows that the bounty allows it. Raises
        Rejected for the author, SandboxFailure for us.
        """
        if format not in FORMATS:
            raise ValueError(format)
        if len(payload) > MAX_PAYLOAD_BYTES[format]:
            raise Rejected(
                "too_large", detail("too_long", [str(len(payload)), str(MAX_PAYLOAD_BYTES[format])])
            )
        request = Request(
            format,
            batches,
            memory_bytes=memory_mb * MEGABYTE + table.working_bytes,
            cpu_seconds=math.ceil(wall_seconds) + 1,
            wanted=wanted,
        )
        numbers = wanted is not None and wanted.kind != "label"
        most = answers.max_message_bytes(len(table), numbers)
        ended = self._run(request, (table.block(order), [payload]), wall_seconds, most)
        log = readable(ended.log)
        try:
            check_end(ended, request)
            values = read_answers(bytes(ended.message[1:]), len(table), format == "rule", kind, wanted)
        except Rejected as rejection:
            rejection.log = log
            raise
        return Output(values if order is None else in_place(values, order), ended.seconds, log)

    def _run(self, request: Request, inputs: Inputs, wall_seconds: float, message_bytes: int) -> Ended:
        with self._lock:
            try:
                zygote = self._living_zygote()
                if not zygote.landlock and request.format not in WITHOUT_LANDLOCK:
                    raise Rejected("format_not_available")
                return zygote.run(request, inputs, wall_seconds, message_bytes)
            except Rejected:
                raise
            except OSError as error:
                self._leave_zygote()
                raise SandboxFailure(str(error)) from error
            except BaseException:
                # Somewhere between two messages: only a new zygote is sure to be at the start.
                self._leave_zygote()
                raise

    def _living_zygote(self) -> Zygote:
        if self._zygote is None or not self._zygote.alive():
            self._leave_zygote()
            self._zygote = Zygote()
        return self._zygote

    def _leave_zygote(self) -> None:
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None


def read_answers(message: bytes, rows: int, from_rule: bool, kind: str, wanted: Wanted | None) -> np.ndarray:
    if wanted is not None and wanted.kind != "label":
        return answers.unpack_numbers(message, rows, wanted.kind)
    labels, codes = answers.unpack(message, rows, from_rule=from_rule)
    if wanted is not None:
        return answers.as_labels(labels, codes, wanted.labels)
    return answers.as_group(labels, codes) if kind == "group" else np.array(labels, dtype=object)[codes]


def check_end(ended: Ended, request: Request) -> None:
    """Return only where a child that was locked ended by itself."""
    killed = ended.signal == signal.SIGKILL
    if killed and ended.stopped:
        facts = [f"{ended.seconds:.1f}"] if ended.stopped == "too_slow" else []
        raise Rejected(ended.stopped, detail("seconds", facts))
    if not ended.message.startswith(answers.LOCKED):
        raise SandboxFailure(f"a child ended before it was locked: {readable(ended.log)}")
    if ended.signal == signal.SIGXCPU or (killed and ended.cpu_seconds > request.cpu_seconds - 1):
        raise Rejected("too_slow")
    if killed:
        # A child cannot send itself this signal: the kernel was out of memory, or somebody else did.
        raise SandboxFailure("a child was killed by somebody else")
    if ended.status:
        raise Rejected("crashed")


def in_place(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    back = np.empty_like(values)
    back[order] = values
    return back


def readable(log: bytes | bytearray) -> str:
    text = log.decode(errors="replace")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
