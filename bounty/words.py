"""What pages and API say of a verdict: what it means, and what to do next."""

VERDICTS = {
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
FAILED = (
    "Something went wrong on our side, three times. The organiser can see it; it costs you nothing. "
    "Please submit it again later."
)
QUEUE = {
    "queued": "Waiting for a worker.",
    "running": "Running in the sandbox, or waiting for the verdict of an earlier submission.",
}
