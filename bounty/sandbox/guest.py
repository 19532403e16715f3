"""Inside one child: lock the process, run the model on the rows, write one message, end.

Nothing here is trusted after the model ran; the host checks the message and decides.
"""

import gc
import mmap
import os
import sys
import traceback
import warnings
from contextlib import suppress

import numpy as np

from . import answers
from .answers import Refusal
from .formats import LOADERS
from .labels import canonical, merge
from .lockdown import Limits, confine
from .rows import Rows
from .wanted import Wanted, labels_of, numbers_of

RESULT, LOG, BLOCK, PAYLOAD = 3, 4, 5, 6
OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate memory", "bad allocation")


def main(request: dict, result: int, log: int, block: int, payload: int) -> None:
    """Never returns. The descriptors are the child's own; all others are closed first."""
    try:
        arrange_descriptors(result, log, block, payload)
        inputs = [map_input(fd) for fd in (BLOCK, PAYLOAD)]
        # The two files too, and the copies of their descriptors that mmap makes: the mappings stay.
        os.closerange(BLOCK, 1 << 20)
        sys.path.clear()
        confine(Limits(request["memory_bytes"], request["cpu_seconds"], threads=request["format"] == "rule"))
        # The host counts whatever happened before this byte as ours.
        write_all(answers.LOCKED)
        write_all(answer(request, *inputs))
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        flush()
        os._exit(1)


def arrange_descriptors(*descriptors: int) -> None:
    """The four at fixed places, output and errors into the log, nothing else open but /dev/null at 0."""
    high = [os.dup2(fd, 100 + place) for place, fd in enumerate(descriptors)]
    for place, fd in enumerate(high):
        os.dup2(fd, RESULT + place)
    os.dup2(LOG, 1)
    os.dup2(LOG, 2)
    os.closerange(PAYLOAD + 1, 1 << 20)


def map_input(fd: int) -> memoryview:
    size = os.fstat(fd).st_size
    return memoryview(mmap.mmap(fd, size, prot=mmap.PROT_READ)) if size else memoryview(b"")


def answer(request: dict, block: memoryview, payload: memoryview) -> bytes:
    try:
        rows = Rows.from_block(block)
        warnings.simplefilter("ignore")
        return predict(request, rows, payload)
    except Refusal as refusal:
        return answers.pack_refusal(refusal)
    except MemoryError:
        gc.collect()
        return answers.pack_refusal(Refusal("too_much_memory"))
    except BaseException as error:
        traceback.print_exc()
        memory = any(sign in str(error) for sign in OUT_OF_MEMORY)
        return answers.pack_refusal(Refusal("too_much_memory" if memory else "model_error"))
    finally:
        flush()


def predict(request: dict, rows: Rows, payload: memoryview) -> bytes:
    """The message with the answers to all rows: of a group or a base model labels, else what is wanted."""
    wanted = Wanted(**request["wanted"]) if request["wanted"] else None
    model = LOADERS[request["format"]](payload, rows.schema, wanted)
    batches = rows.batches(request["batches"])
    if wanted is None:
        return answers.pack_answers(*merge([canonical(model(batch), len(batch)) for batch in batches]))
    if wanted.kind == "label":
        labels = list(wanted.labels)
        codes = [labels_of(model(batch), len(batch), labels) for batch in batches]
        return answers.pack_answers(labels, np.concatenate(codes))
    return answers.pack_numbers(
        np.concatenate([numbers_of(model(batch), len(batch), wanted) for batch in batches])
    )


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()


def write_all(message: bytes) -> None:
    view = memoryview(message)
    while view:
        view = view[os.write(RESULT, view) :]
