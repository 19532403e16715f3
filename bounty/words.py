"""What pages and API say of a verdict: what it means, and what to do next."""

FIND_VERDICTS = {
    "accepted": (
        "The gap is proven on the leaderboard half of the hidden set.",
        "Your team earns the percentage points of the overall rate that the proven part of the gap makes up.",
    ),
    "not_proven": (
        "The hidden rows do not prove that this group fares worse.",
        "That is not proof of the contrary: a gap can be real and too small, or the group too small, to be "
        "proven at this level. Look for a larger gap or a larger group.",
    ),
    "nothing_new": (
        "Nearly all of this group is in earlier accepted finds, and nothing worse was proven inside them.",
        "Name people who are not covered yet, or a part of a known group that fares much worse than its "
        "rest.",
    ),
    "too_little_exposure": (
        "The group, or everyone else, is too small: as few hidden rows as these hold too few that count.",
        "Name a larger group. Only rows in which the mistake could happen count; where several rows belong "
        "to one person, at least 20 people are needed on each side.",
    ),
}
FIX_VERDICTS = {
    "accepted": (
        "The gain is proven on the leaderboard half of the hidden set. From now on the predictor is part of "
        "the repaired model and answers for the rows of its group.",
        "Your team earns the percentage points by which the overall error fell. Whatever later fixes change, "
        "on the leaderboard half the group never does worse than now.",
    ),
    "not_proven": (
        "The hidden rows do not prove that the predictor does better on this group than the model as it "
        "stands.",
        "That is not proof of the contrary: a gain can be real and too small to be proven at this level, or "
        "smaller than the bounty asks for. Send a predictor that mends more mistakes and makes fewer new "
        "ones, or name a larger group.",
    ),
    "nothing_new": (
        "On every hidden row of the group the predictor answers as the model does already.",
        "The model may have learned these answers from earlier fixes, which the predictions in the public "
        "sample do not show. Name a group in which better answers are still to be had.",
    ),
    "too_little_exposure": (
        "The group is too small: it holds too few hidden rows to be judged.",
        "Name a larger group. Where several rows belong to one person, it needs at least 20 people, too.",
    ),
}
VERDICTS = {"find": FIND_VERDICTS, "fix": FIX_VERDICTS}
# How the gain of a fix is proven.
TESTS = {
    "mcnemar": "McNemar's exact test of the rows that got better against those that got worse",
    "stake": "stakes on the gains, which ask for no distribution",
}
FAILED = (
    "Something went wrong on our side, three times. The organiser can see it; it used no verdict. "
    "Please submit it again later."
)
QUEUE = {
    "queued": "Waiting for a worker.",
    "running": "Running in the sandbox, or waiting for the verdict of an earlier submission.",
}
