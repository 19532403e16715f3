"""Verdicts from what is stored: masks and answers in the order of submission, and the leaderboard half.

Given live and given again from the start (`manage.py rejudge`), they come out of the same lines.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
from django.db.models import Q, QuerySet

from common.jobs import Status
from fairness import rejudge
from fairness.fixes import FixVerdict, judge_fix
from fairness.pointer_list import PointerList
from fairness.verdict import judge_find

from . import parts
from .models import LEAST_CLUSTERS, Bounty, Submission
from .parts import Answered

# What a verdict writes on a submission.
WRITTEN = ("accepted", "code", "points", "numbers", "duplicate_of_id", "solo_accepted", "solo_points")


@dataclass(frozen=True)
class Repaired:
    """The audited model with fixes in it: the list over one half, whose fixes they are, and their answers."""

    answered: Answered
    list: PointerList
    fixes: tuple[Submission, ...] = ()
    given: tuple[np.ndarray, ...] = ()

    @classmethod
    def start(cls, answered: Answered) -> "Repaired":
        return cls(answered, answered.start())

    def take(self, fix: Submission, group: np.ndarray, answers: np.ndarray) -> "Repaired":
        """With one more fix in front."""
        grown = self.list.extend(group, self.answered.costs(answers, group))
        return replace(self, list=grown, fixes=(*self.fixes, fix), given=(*self.given, answers))

    def judge(self, group: np.ndarray, answers: np.ndarray, bounty: Bounty) -> FixVerdict:
        now = self.list.choose(self.answered.y_base, self.given)
        verdict, _ = judge_fix(
            self.list,
            group,
            self.answered.costs(answers, group),
            answers != now[group],
            bounty.level,
            scale=self.answered.scale,
            worst=self.answered.worst(now[group], answers),
            clusters=self.answered.clusters,
            epsilon=bounty.min_gain,
            min_rows=bounty.min_rows,
            min_clusters=LEAST_CLUSTERS,
        )
        return verdict


class Referee:
    """Judges the submissions of a bounty in their order, from where the given ones have brought it.

    `earlier` are those accepted so far, on the shared list or their team's own, in order.
    """

    def __init__(self, bounty: Bounty, earlier: Iterable[Submission] = ()) -> None:
        self.bounty = bounty
        self.rows = parts.leaderboard_rows(bounty)
        self.finds: list[Submission] = []
        self.found: list[np.ndarray] = []
        self.fixes: list[Submission] = []
        self.teams: dict[int, list[Submission]] = {}
        # Whose fixes they are, None for the shared list, and the model repaired with them: made when needed.
        self.models: dict[int | None, Repaired] = {}
        for submission in earlier:
            self.remember(submission)

    def remember(self, submission: Submission) -> None:
        if submission.kind == Submission.Kind.FIND:
            self.finds.append(submission)
            self.found.append(self.group_of(submission))
            return
        if submission.accepted:
            self.fixes.append(submission)
        if submission.solo_accepted:
            self.teams.setdefault(submission.team_id, []).append(submission)

    def judge(self, submission: Submission) -> dict:
        """What to write on the submission; what was accepted counts from here on."""
        is_find = submission.kind == Submission.Kind.FIND
        written = self.judge_find(submission) if is_find else self.judge_fix(submission)
        return {"duplicate_of_id": None, "solo_accepted": None, "solo_points": 0.0} | written

    def judge_find(self, find: Submission) -> dict:
        evidence, group = parts.leaderboard_evidence(self.bounty), self.group_of(find)
        verdict = judge_find(evidence, group, self.found, self.bounty.level, min_rows=self.bounty.min_rows)
        nearest = None if verdict.duplicate_of is None else self.finds[verdict.duplicate_of].pk
        if verdict.accepted:
            self.finds.append(find)
            self.found.append(group)
        return {
            "accepted": verdict.accepted,
            "code": verdict.code,
            "points": float(verdict.points),
            "numbers": asdict(verdict),
            "duplicate_of_id": nearest,
        }

    def judge_fix(self, fix: Submission) -> dict:
        """On the shared list, which counts, and on the team's own, which is shown and promises nothing."""
        group, answers = self.group_of(fix), answers_of(self.bounty, fix)
        verdicts = []
        for whose in (None, fix.team_id):
            model = self.model(whose)
            verdicts.append(model.judge(group, answers, self.bounty))
            if verdicts[-1].accepted:
                self.models[whose] = model.take(fix, group, answers)
        shared, solo = verdicts
        return {
            "accepted": shared.accepted,
            "code": shared.code,
            "points": shared.points,
            "numbers": asdict(shared) | {"solo": asdict(solo)},
            "solo_accepted": solo.accepted,
            "solo_points": solo.points,
        }

    def model(self, whose: int | None = None) -> Repaired:
        """The model repaired with one team's fixes, or with everybody's."""
        if whose not in self.models:
            model = Repaired.start(parts.answered(self.bounty, "leaderboard"))
            for fix in self.fixes if whose is None else self.teams.get(whose, ()):
                model = model.take(fix, self.group_of(fix), answers_of(self.bounty, fix))
            self.models[whose] = model
        return self.models[whose]

    def group_of(self, submission: Submission) -> np.ndarray:
        return parts.unpack(submission.masks.leaderboard, self.rows)


def answers_of(bounty: Bounty, fix: Submission) -> np.ndarray:
    return parts.unpack_answers(bounty, fix.answers.leaderboard)


def accepted_of(bounty: Bounty) -> QuerySet[Submission]:
    """What later verdicts depend on, in order."""
    counts = Q(accepted=True) | Q(solo_accepted=True)
    found = bounty.submissions.filter(counts).select_related("masks", "answers", "team").order_by("id")
    # Read with every verdict, so without what says much and decides nothing.
    return found.defer("log", "numbers", "uses", "note", "group_rule", "predictor_rule")


def rejudged(bounty: Bounty) -> Iterator[tuple[Submission, dict]]:
    """Every verdict of a bounty given again from the first, and what would be written on its submission."""
    referee = Referee(bounty)
    scored = bounty.submissions.filter(status=Status.SCORED).select_related("masks", "answers").order_by("id")
    for submission in scored.iterator(chunk_size=100):
        yield submission, referee.judge(submission)


def as_text(submission: Submission, written: dict | None = None) -> str:
    """A verdict as one text, so that two can be compared to the last byte."""
    values = written or {name: getattr(submission, name) for name in WRITTEN}
    return rejudge.as_text({name: values[name] for name in WRITTEN})
