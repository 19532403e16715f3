"""What was tried and what came out, for the table at the end of a run."""

from collections import Counter
from collections.abc import Iterable

TRIED = "tried"


def table(reports: Iterable) -> list[str]:
    """Of tests' reports, which carry (what, outcome) also from processes that test side by side."""
    found = Counter(
        tuple(value) for report in reports for name, value in report.user_properties if name == TRIED
    )
    lines = []
    for kind in sorted({what for what, _ in found}):
        outcomes = sorted((outcome, n) for (what, outcome), n in found.items() if what == kind)
        total = sum(n for _, n in outcomes)
        lines.append(f"{kind:24} {total:6,}   {', '.join(f'{outcome} {n:,}' for outcome, n in outcomes)}")
    return lines
