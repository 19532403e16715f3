"""Who takes part in the demo, and what a submission of theirs is."""

from collections.abc import Callable
from dataclasses import dataclass

from bounty.models import Submission
from bounty.sandbox import REJECTIONS

from .sample import Sample

ORGANISER, ADMIN = "olivia", "admin"

Make = Callable[[Sample], str | bytes]


@dataclass(frozen=True)
class Predictor:
    """What a fix answers on its group, and how many repairs of the model it must bring."""

    format: str
    make: Make
    repairs: int = 0


@dataclass(frozen=True)
class Entry:
    """One submission, made from the public sample alone, and the code it must end with."""

    who: str
    bounty: str
    format: str
    what: str
    make: Make
    ending: str
    predictor: Predictor | None = None

    @property
    def kind(self) -> str:
        return "fix" if self.predictor else "find"

    @property
    def formats(self) -> str:
        return f"{self.format} + {self.predictor.format}" if self.predictor else self.format

    def parts(self, sample: Sample) -> dict[str, tuple[str, str | bytes]]:
        """What is sent: of the group, and of the predictor where there is one, format and content."""
        group = {"group": (self.format, self.make(sample))}
        if self.predictor is None:
            return group
        return group | {"predictor": (self.predictor.format, self.predictor.make(sample))}

    @property
    def key(self) -> str:
        """Its idempotency key: sent twice, it is one submission."""
        return f"demo-{self.bounty}-{self.who}" + ("-fix" if self.predictor else "")

    @property
    def status(self) -> str:
        return "rejected" if self.ending in REJECTIONS else "scored"

    def is_as_declared(self, submission: Submission) -> bool:
        repairs = len(submission.numbers.get("repairs", ()))
        declared = self.predictor.repairs if self.predictor else 0
        return (submission.status, outcome(submission), repairs) == (self.status, self.ending, declared)


def outcome(submission: Submission) -> str:
    return submission.code or submission.error or submission.status
