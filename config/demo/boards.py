"""What the demo prints of a bounty, as lines: its leaderboards, its repaired model and its final ranking."""

from collections.abc import Iterator

from bounty import repaired
from bounty.models import Bounty, Submission
from bounty.standings import standings

NAMES = {Submission.Kind.FIND: "finds", Submission.Kind.FIX: "fixes"}
TEAM = 28
LIVE = f"rank  {'team':<{TEAM}}  points  accepted  submissions"
FINAL = f"rank  live  {'team':<{TEAM}}  points  change  95 % interval  contribution"


def data(bounty: Bounty) -> Iterator[str]:
    sample, half = bounty.parts["sample"], bounty.parts["leaderboard"]
    yield f"{bounty.title}: {sample['rows']:,} rows are public, {half['rows']:,} decide"
    yield ""
    if bounty.measure == "wer":
        yield f"  On the public rows {sample['rate']:.1%} of the words are wrong."
        return
    yield (
        f"  On the public rows the model is wrong in {sample['model_error']:.1%}, "
        f"the best constant in {sample['constant_error']:.1%}."
    )


def model(bounty: Bounty, url: str) -> Iterator[str]:
    """The error overall before and after the accepted fixes, on the rows that decide."""
    fixes, live = repaired.numbers_of(bounty), repaired.live_of(bounty)
    overall = live.life["overall"]
    repairs = sum(node["points_to"] is not None for node in live.nodes)
    what = f"{len(fixes)} fixes and {repairs} repairs" if repairs else f"{len(fixes)} fixes"
    yield (
        f"  On the rows that decide {what} brought that from {overall[0]:.1%} to {overall[-1]:.1%}: "
        f"{url}/bounties/{bounty.slug}/model/"
    )


def leaderboards(bounty: Bounty) -> Iterator[str]:
    """One for finds, and one for fixes where any were sent."""
    for kind in sent_kinds(bounty):
        yield ""
        yield f"  {NAMES[kind]}  {LIVE}"
        for row in standings(bounty, kind):
            counts = f"{row.accepted:>8}  {row.submissions:>11}"
            yield f"         {row.rank:>4}  {row.team:<{TEAM}}  {row.points:>6.1f}  {counts}"


def final(bounty: Bounty, url: str) -> Iterator[str]:
    """What the final half says: points beside those and the rank of the leaderboard, and Shapley values."""
    found, whole = bounty.final, bounty.final["model"]
    shares = {row["team"]: row["value"] for row in found["credit"]}
    yield ""
    yield f"  Closed: {url}/bounties/{bounty.slug}/final/"
    yield (
        f"  On {found['rows']:,} rows that had no part in any verdict the model is wrong in "
        f"{whole['before']:.1%}, repaired in {whole['after']:.1%}."
    )
    for kind in sent_kinds(bounty):
        yield ""
        yield f"  {NAMES[kind]}  {FINAL}"
        for row in found["tracks"][kind]:
            ranks = f"{row['rank']:>4}  {row['live_rank']:>4}  {row['team']:<{TEAM}}"
            points = f"{row['points']:>6.1f}  {row['points'] - row['live_points']:>+6.1f}"
            share = f"{shares.get(row['team'], 0.0):>12.1f}" if kind == Submission.Kind.FIX else ""
            yield f"         {ranks}  {points}  {interval(row):<13}  {share}".rstrip()


def sent_kinds(bounty: Bounty) -> list[str]:
    return [kind for kind in NAMES if bounty.submissions.filter(kind=kind).exists()]


def interval(row: dict) -> str:
    return "" if row["low"] is None else f"{row['low']:.1f} to {row['high']:.1f}"
