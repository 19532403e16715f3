"""The leaderboard page with 10,000 submissions of 200 teams, against the same page with none."""

import json
import statistics
import time
import uuid
from pathlib import Path

import django
import numpy as np

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from bounty.models import Bounty, Status, Submission, Team  # noqa: E402

TEAMS, SUBMISSIONS, TIMES = 200, 10_000, 30


def main() -> None:
    empty, full = a_bounty(0), a_bounty(SUBMISSIONS)
    client = Client(headers={"host": "localhost"})
    before, after = (median_seconds(client, bounty) for bounty in (empty, full))
    print(f"leaderboard page with {SUBMISSIONS:,} submissions: ours {after * 1000:.1f} ms, ", end="")
    print(f"against {before * 1000:.1f} ms with none, ratio {after / before:.1f}")
    out = Path("bench/out/leaderboard.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"full_seconds": after, "empty_seconds": before}, indent=2) + "\n")


def a_bounty(submissions: int) -> Bounty:
    name = uuid.uuid4().hex[:8]
    part = {"rows": 1, "features": {"sha256": "", "bytes": 0}, "truth": {"sha256": "", "bytes": 0}}
    bounty = Bounty.objects.create(
        slug=f"bench-{name}",
        title="Bench",
        label_column="label",
        prediction_column="prediction",
        opened_at=timezone.now(),
        verdict_cap=100_000,
        parts=dict.fromkeys(("sample", "leaderboard", "final"), part),
    )
    if submissions:
        random = np.random.default_rng(0)
        users = get_user_model().objects.bulk_create(
            [get_user_model()(username=f"{name}-{i}") for i in range(TEAMS)]
        )
        teams = Team.objects.bulk_create(
            [Team(bounty=bounty, user=user, name=user.username) for user in users]
        )
        now = timezone.now()
        Submission.objects.bulk_create(
            Submission(
                bounty=bounty,
                team=teams[i % TEAMS],
                group_format="rule",
                group_rule="age < 30",
                status=Status.SCORED,
                accepted=accepted,
                code="accepted" if accepted else "not_proven",
                points=random.exponential(0.3) if accepted else 0,
                finished=now,
            )
            for i, accepted in enumerate((random.random(submissions) < 0.2).tolist())
        )
    return bounty


def median_seconds(client: Client, bounty: Bounty) -> float:
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        response = client.get(f"/bounties/{bounty.slug}/leaderboard/")
        times.append(time.perf_counter() - start)
        if response.status_code != 200:
            raise SystemExit(f"The page answered {response.status_code}.")
    return statistics.median(times)


if __name__ == "__main__":
    main()
