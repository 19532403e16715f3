"""What the demo prints: plain lines; on a terminal the progress is one line a submission, kept up to date."""

from dataclasses import dataclass, field
from typing import TextIO

from audits.models import Audit
from bounty.models import Bounty, Submission
from bounty.sandbox import REJECTIONS
from bounty.words import FAILED, VERDICTS

from . import boards
from .entries import ENTRIES
from .participants import ADMIN, ORGANISER, Entry, outcome

ROLES = {ORGANISER: "organises the bounties and owns the audits", ADMIN: "operates the site, {url}/admin/"}
WIDTH = max(len(entry.what) for entry in ENTRIES)
REPAIRED = " Earlier groups would have lost by it: {n} repairs."


def reason(entry: Entry, submission: Submission) -> str:
    """The first sentence of what its author is told, and what it had to bring with it."""
    verdicts, code = VERDICTS[entry.kind], outcome(submission)
    told = verdicts[code][0] if code in verdicts else REJECTIONS.get(code, FAILED)
    repairs = len(submission.numbers.get("repairs", ()))
    return told.split(". ")[0].rstrip(".") + "." + (REPAIRED.format(n=repairs) if repairs else "")


@dataclass
class Screen:
    out: TextIO
    shown: dict[Entry, str] = field(default_factory=dict)

    def say(self, text: str = "") -> None:
        self.out.write(f"{text}\n")
        self.out.flush()

    def progress(self, entry: Entry, state: str, done: bool) -> None:
        bounty = entry.bounty.split("-")[0]
        sent = f"{entry.kind:<4}  {entry.formats:<15}  {entry.what:<{WIDTH}}"
        line = f"  {entry.who:<8} {bounty:<9}  {sent}  {state}"
        before = len(self.shown)
        if self.shown.get(entry) == line:
            return
        self.shown[entry] = line
        if self.out.isatty():
            back = f"\x1b[{before}F" if before else ""
            self.say(back + "\n".join(f"\x1b[2K{text}" for text in self.shown.values()))
        elif done:
            self.say(line)

    def results(self, bounty: Bounty, ended: dict[Entry, Submission], url: str) -> None:
        self.lines("", *boards.data(bounty))
        if any(entry.kind == "fix" for entry in ended):
            self.lines(*boards.model(bounty, url))
        self.lines(*boards.leaderboards(bounty), "")
        for entry, submission in ended.items():
            told = f"{outcome(submission):<21}  {reason(entry, submission)}"
            self.say(f"  {entry.who:<8}  {entry.kind:<4}  {entry.what:<{WIDTH}}  {told}")
        if bounty.finalised_at:
            self.lines(*boards.final(bounty, url))

    def lines(self, *lines: str) -> None:
        self.say("\n".join(lines))

    def audit(self, audit: Audit) -> None:
        """The headline by the first column of groups, worst first."""
        if not audit.is_done:
            self.say(f"\nAudit: {audit.title}: {audit.error_detail or audit.status}")
            return
        result = audit.result
        headline = result["headline"]
        column = next(one for one in result["columns"] if one["role"] == "group")
        metric = next(one for one in result["metrics"] if one["key"] == headline)
        table = next(one for one in result["tables"] if one["columns"] == [column["name"]])
        everyone, *groups = table["rows"]
        self.say(f"\nAudit: {audit.title}: {metric['name'].lower()} of {table['system']}\n")
        groups.sort(key=lambda row: -(row["value"] or 0))
        for row in (everyone, *groups):
            name = row["group"].get(column["name"], "everyone")
            if row["value"] is None:
                self.say(f"  {name:<36}  {row['note']}")
                continue
            interval = f"{row['low']:>6.1%} to {row['high']:<6.1%}" if row["low"] is not None else ""
            rows = f"{row['n']:>6,} {audit.get_kind().row_word[1]}"
            self.say(f"  {name:<36}  {rows}  {row['value']:>6.1%}  {interval}")

    def accounts(self, url: str, passwords: dict[str, str]) -> None:
        self.say(f"\nSign in at {url}/accounts/login/ as\n")
        for name, password in passwords.items():
            self.say(f"  {name:<8}  {password:<12}  {ROLES.get(name, 'takes part').format(url=url)}")
