"""What the demo prints: plain lines; on a terminal the progress is one line a submission, kept up to date."""

from dataclasses import dataclass, field
from typing import TextIO

from audits.models import Audit
from bounty.models import Bounty, Submission
from bounty.sandbox import REJECTIONS
from bounty.standings import standings
from bounty.words import FAILED, VERDICTS

from .participants import ADMIN, ENTRIES, ORGANISER, Entry

ROLES = {ORGANISER: "organises the bounties and owns the audits", ADMIN: "operates the site, {url}/admin/"}
WIDTH = max(len(entry.what) for entry in ENTRIES)


def outcome(submission: Submission) -> str:
    return submission.code or submission.error or submission.status


def reason(code: str) -> str:
    """The first sentence of what its author is told."""
    told = VERDICTS[code][0] if code in VERDICTS else REJECTIONS.get(code, FAILED)
    return told.split(". ")[0].rstrip(".") + "."


@dataclass
class Screen:
    out: TextIO
    shown: dict[Entry, str] = field(default_factory=dict)

    def say(self, text: str = "") -> None:
        self.out.write(f"{text}\n")
        self.out.flush()

    def progress(self, entry: Entry, state: str, done: bool) -> None:
        bounty = entry.bounty.split("-")[0]
        line = f"  {entry.who:<8} {bounty:<9} {entry.format:<6} {entry.what:<{WIDTH}}  {state}"
        before = len(self.shown)
        if self.shown.get(entry) == line:
            return
        self.shown[entry] = line
        if self.out.isatty():
            back = f"\x1b[{before}F" if before else ""
            self.say(back + "\n".join(f"\x1b[2K{text}" for text in self.shown.values()))
        elif done:
            self.say(line)

    def results(self, bounty: Bounty, ended: dict[Entry, Submission]) -> None:
        sample, half = bounty.parts["sample"], bounty.parts["leaderboard"]
        self.say(f"\n{bounty.title}: {sample['rows']:,} rows are public, {half['rows']:,} decide\n")
        if bounty.measure == "wer":
            self.say(f"  On the public rows {sample['rate']:.1%} of the words are wrong.\n")
        else:
            self.say(
                f"  On the public rows the model is wrong in {sample['model_error']:.1%}, "
                f"the best constant in {sample['constant_error']:.1%}.\n"
            )
        self.say("  rank  team      points  accepted  submissions")
        for row in standings(bounty):
            numbers = f"{row.points:>6.1f}  {row.accepted:>8}  {row.submissions:>11}"
            self.say(f"  {row.rank:>4}  {row.team:<8}  {numbers}")
        self.say()
        for entry, submission in ended.items():
            code = outcome(submission)
            self.say(f"  {entry.who:<8}  {entry.what:<{WIDTH}}  {code:<21}  {reason(code)}")

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
