"""scikit-learn (skops): every node of the file is checked against our own list before skops makes any of it.

The list makes the file what it says it is. It does not make it safe: a tree's node indices are raw memory
offsets, so it is the sandbox that holds a hostile one.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator

import joblib
import numpy as np
from skops.io import loads

from fairness.tables import Schema

from ..answers import Refusal
from ..labels import canonical
from ..rows import Rows
from ..wanted import Wanted
from .skops_types import ALLOWED, TYPES

SCHEMA = "schema.json"
MAX_UNPACKED_BYTES = 256 << 20
SHOWN_TYPES = 5
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
    OSError,
)


def load(payload: memoryview, schema: Schema, wanted: Wanted | None = None) -> Callable[[Rows], object]:
    """`predict` answers; of a classifier that is asked for probabilities, `predict_proba`."""
    data = bytes(payload)
    check(read_schema(data))
    try:
        model = loads(data, trusted=TYPES)
    except BROKEN as error:
        raise Refusal("unreadable_model") from error
    if not callable(getattr(model, "predict", None)):
        raise Refusal("no_predict")
    inputs = wanted_columns(model, schema)
    answer = model.predict
    if wanted is not None and wanted.kind == "probability" and hasattr(model, "classes_"):
        answer = chances(model, wanted)

    def predict(rows: Rows) -> object:
        # A model saved with n_jobs=-1 would ask for threads, which there are none of.
        with joblib.parallel_config(backend="sequential"):
            return answer(rows.to_pandas()[inputs])

    return predict


def chances(model: object, wanted: Wanted) -> Callable[[object], np.ndarray]:
    """`predict_proba` in the order of the labels: 0 for one that the group it was fitted on did not have."""
    if not callable(getattr(model, "predict_proba", None)):
        raise Refusal("not_a_probability", "no_chances")
    names, codes = canonical(model.classes_, len(model.classes_), not_a_label="unknown_labels")
    classes = [names[code] for code in codes]
    unknown = [name for name in classes if name not in wanted.labels]
    if unknown:
        raise Refusal("unknown_labels", "labels", ", ".join(unknown[:5]), ", ".join(wanted.labels))
    places = [wanted.labels.index(name) for name in classes]

    def answer(frame: object) -> np.ndarray:
        both = np.zeros((len(frame), len(wanted.labels)))
        both[:, places] = model.predict_proba(frame)
        return both

    return answer


def read_schema(data: bytes) -> object:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                raise Refusal("too_large", "unpacked", unpacked, MAX_UNPACKED_BYTES)
            return json.loads(archive.read(SCHEMA))
    except (*BROKEN, NotImplementedError, RuntimeError, EOFError) as error:
        raise Refusal("unreadable_model") from error


def check(schema: object) -> None:
    """Raises Refusal where a node's loader and type are not on the list."""
    found = {
        (node.get("__loader__"), f"{node.get('__module__')}.{node.get('__class__')}")
        for node in nodes(schema)
    }
    if not found:
        raise Refusal("unreadable_model")
    others = sorted(name for loader, name in found if name not in ALLOWED.get(loader, ()))
    if others:
        raise Refusal("forbidden_type", "types", ", ".join(others[:SHOWN_TYPES]))


def nodes(schema: object) -> Iterator[dict]:
    waiting = [schema]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            if "__loader__" in current:
                yield current
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)


def wanted_columns(model: object, schema: Schema) -> list[str]:
    """The columns a model was fitted on, in its own order; all where it does not say."""
    columns = [column.name for column in schema]
    wanted = getattr(model, "feature_names_in_", None)
    if wanted is not None:
        wanted = [str(name) for name in wanted]
        if unknown := [name for name in wanted if name not in columns]:
            raise Refusal("wrong_inputs", "input_name", unknown[0], ", ".join(columns))
        return wanted
    count = getattr(model, "n_features_in_", len(columns))
    if count != len(columns):
        raise Refusal("wrong_inputs", "input_count", count, len(columns))
    return columns
