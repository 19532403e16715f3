"""What was tried and what came out, for the table at the end of a run."""

from collections import Counter

TRIED: Counter[tuple[str, str]] = Counter()


def note(what: str, outcome: str) -> None:
    TRIED[what, outcome] += 1


def table() -> list[str]:
    kinds = sorted({what for what, _ in TRIED})
    lines = []
    for kind in kinds:
        found = sorted((outcome, n) for (what, outcome), n in TRIED.items() if what == kind)
        total = sum(n for _, n in found)
        lines.append(f"{kind:34} {total:5,}   {', '.join(f'{outcome} {n:,}' for outcome, n in found)}")
    return lines
