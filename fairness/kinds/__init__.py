"""The kinds of audit there are."""

from fairness.kinds.base import Kind
from fairness.kinds.classification import CLASSIFICATION
from fairness.kinds.speech import SPEECH

KINDS: dict[str, Kind] = {kind.key: kind for kind in (SPEECH, CLASSIFICATION)}

__all__ = ["CLASSIFICATION", "KINDS", "SPEECH", "Kind"]
