"""Python function: a text that defines predict(frame). Whether a bounty allows it is the caller's to know."""

import builtins
from collections.abc import Callable

from fairness.tables import Schema

from ..answers import Refusal
from ..rows import Rows
from ..wanted import Wanted


def load(payload: memoryview, schema: Schema, wanted: Wanted | None = None) -> Callable[[Rows], object]:
    try:
        code = compile(bytes(payload).decode(), "submission.py", "exec")
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Refusal("unreadable_model") from error
    names: dict[str, object] = {"__name__": "submission", "__builtins__": builtins}
    exec(code, names)  # noqa: S102 -- in the sandbox  # nosec
    function = names.get("predict")
    if not callable(function):
        raise Refusal("no_predict")
    return lambda rows: function(rows.to_pandas())
