"""What each team's fixes contributed to the repaired model, whoever came first: Shapley values over teams."""

from functools import cache, lru_cache

from fairness.credit import Share, shapley

from . import parts
from .models import Bounty, Submission
from .verdicts import Repaired, accepted_of, answers_of


def contributions(bounty: Bounty) -> dict[int, Share]:
    """By team id, percentage points of the overall error on the leaderboard half.

    A set of teams reaches what the list would have reached with their fixes alone, judged in the recorded
    order. Teams count that have a fix accepted on the shared list or on their own; the others would get 0,
    but where one of their fixes would pass only beside somebody else's.
    """
    fixes = [fix for fix in accepted_of(bounty) if fix.kind == Submission.Kind.FIX]
    if not fixes:
        return {}
    rows = parts.leaderboard_rows(bounty)
    sent = [
        (fix.team_id, parts.unpack(fix.masks.leaderboard, rows), answers_of(bounty, fix)) for fix in fixes
    ]
    start = Repaired.start(parts.answered(bounty, "leaderboard"))
    whole = start.answered.scale * max(rows, 1)

    # Each list holds some bytes a row: few are kept, and the others made again from the ones before.
    @lru_cache(maxsize=128)
    def model_of(taken: tuple[int, ...]) -> Repaired:
        if not taken:
            return start
        *before, last = taken
        return model_of(tuple(before)).take(fixes[last], *sent[last][1:])

    @cache
    def passes(taken: tuple[int, ...], place: int) -> bool:
        """Whether the fix at a place is accepted where these are in the list before it."""
        group, answers = sent[place][1:]
        return model_of(taken).judge(group, answers, bounty).accepted

    def value(teams: frozenset[int]) -> float:
        taken: tuple[int, ...] = ()
        for place, (team, _, _) in enumerate(sent):
            if team in teams and passes(taken, place):
                taken = (*taken, place)
        return 100 * (start.list.totals[0] - model_of(taken).list.totals[-1]) / whole

    return shapley(sorted({team for team, _, _ in sent}), value)
