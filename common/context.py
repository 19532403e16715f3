"""What the work at hand is about: every line that is logged meanwhile says it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

NOTHING: Mapping[str, object] = MappingProxyType({})
FACTS: ContextVar[Mapping[str, object]] = ContextVar("facts", default=NOTHING)


@contextmanager
def about(**facts: object) -> Iterator[None]:
    """Add facts for as long as this lasts. A function is asked for its fact when a line is written."""
    token = FACTS.set({**FACTS.get(), **facts})
    try:
        yield
    finally:
        FACTS.reset(token)


def facts() -> dict[str, object]:
    """What is known now."""
    found = {name: fact() if callable(fact) else fact for name, fact in FACTS.get().items()}
    return {name: fact for name, fact in found.items() if fact is not None}
