"""The guides in docs/ as pages, so that whoever reads a rejection finds the list it speaks of."""

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

FOLDER = settings.BASE_DIR / "docs"
GUIDES = {
    "participate": "Taking part",
    "organise": "Organising a bounty",
    "promise": "What a verdict means",
    "bundle": "The repaired model as a file",
    "audit": "Making and reading an audit",
    "result": "The result of an audit",
    "terms": "Words",
    "api": "The API",
    "security": "Security and privacy",
    "demo": "The demo",
    "benchmarks": "Benchmarks",
}
LINK = re.compile(r"\]\(([a-z]+)\.md(#[-\w]*)?\)")


def guide(request: HttpRequest, name: str) -> HttpResponse:
    if name not in GUIDES:
        raise Http404
    _, text = (FOLDER / f"{name}.md").read_text().split("\n", 1)
    text = LINK.sub(lambda link: f"](/guide/{link[1]}/{link[2] or ''})", text)
    return render(
        request, "guide.html", {"name": name, "title": GUIDES[name], "text": text, "guides": GUIDES}
    )
