"""Every address of audits, for every reader, at every visibility and state."""

from django.urls import reverse

from audits.models import Audit

PAGES = ("report", "rates", "intersections", "errors", "conditions", "systems", "worst", "method", "card")
READERS_PAGES = ("speakers", "utterances")
EXPORTS = ("result_json", "tables_csv", "comparisons_csv", "offline", "card_pdf")
READERS_EXPORTS = ("speakers_csv", "utterances_csv", "cells_parquet")
PARTS = (
    "coverage",
    "combinations",
    "words",
    "sensitivity",
    "comparisons",
    "worst",
    "tolerances",
    "calibration",
)
API = ("", "result/", "export.csv")
GETS = [(name, {}) for name in (*PAGES, *READERS_PAGES, *EXPORTS, *READERS_EXPORTS)]
GETS += [(f"part:{part}", {}) for part in PARTS]
GETS += [(f"api:{path}", {}) for path in API]


def address(name: str, audit: Audit) -> str:
    if name.startswith("part:"):
        return reverse("audits:part_csv", args=[audit.key, name.removeprefix("part:")])
    if name.startswith("api:"):
        return f"/api/v1/audits/{audit.key}/{name.removeprefix('api:')}"
    return reverse(f"audits:{name}", args=[audit.key])
