"""python -m fairness audit: the numbers of a report from its file, with no server and no database."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fairness.audit import AuditRun, run_audit
from fairness.disaggregate import AGGREGATIONS, VERSUS, Table, View, tabulate
from fairness.kinds import KINDS
from fairness.kinds.base import MARKS, NOT_STATED_TEXTS, Kind, Settings, Tolerance
from fairness.normalise import NORMALISERS

PLAIN_VALUES = ("--role", "--mark", "--tolerance")
PAIR = "{option} takes {form}, not {given}."


def add_audit(audit: argparse.ArgumentParser) -> None:
    """The options of the command."""
    default = Settings()
    audit.description = (
        "Audit a file as the site does: print its table, write the result as JSON. Give every "
        "column that matters a role, for example --role said=reference --role heard=hypothesis "
        "--role who=speaker --role accent=group."
    )
    audit.add_argument("file", type=Path, metavar="FILE", help="CSV, TSV, Parquet or JSON lines")
    audit.add_argument("--kind", choices=tuple(KINDS), required=True)
    audit.add_argument("--role", action="append", default=[], metavar="COLUMN=ROLE", help=_roles_help())
    audit.add_argument("--normalise", choices=NORMALISERS, default=default.normalise)
    audit.add_argument("--favourable", help="the good outcome, for one-sided rates and scores")
    audit.add_argument("--threshold", type=float, default=default.threshold, help="of scores (0.5)")
    audit.add_argument("--exclude", action="append", default=[], metavar="COLUMN=PATTERN")
    audit.add_argument("--mark", action="append", default=[], metavar="COLUMN=MARK", help=", ".join(MARKS))
    audit.add_argument("--baseline", action="append", default=[], metavar="COLUMN=GROUP")
    audit.add_argument("--tolerance", action="append", default=[], metavar="METRIC:COLUMN=WITHIN")
    audit.add_argument("--smallest", type=int, default=default.smallest, help="people in a group shown (10)")
    audit.add_argument("--not-stated", action="append", metavar="TEXT", help="of groups (NA, N/A, NULL)")
    audit.add_argument("--replicates", type=int, default=default.replicates, help="of the bootstrap (1000)")
    audit.add_argument("--random-state", type=int, default=default.random_state, help="seed (0)")
    audit.add_argument("--out", type=Path, help="write the result here, as JSON")
    audit.add_argument("--json", action="store_true", help="print the result instead of a table")
    view = audit.add_argument_group("the table to print")
    view.add_argument("--system", help="a column of hypotheses, predictions or scores (the first)")
    view.add_argument("--metric", help="the headline")
    view.add_argument("--aggregation", choices=AGGREGATIONS, default="pooled")
    view.add_argument("--by", action="append", default=[], metavar="COLUMN", help="at most two (each)")
    view.add_argument("--where", action="append", default=[], metavar="COLUMN=GROUP", help="only these rows")
    view.add_argument("--versus", choices=VERSUS, default="rest")
    audit.set_defaults(run=run)


def _roles_help() -> str:
    keys = dict.fromkeys(role.key for kind in KINDS.values() for role in kind.roles)
    return ", ".join(keys)


def run(options: argparse.Namespace) -> None:
    """Run the command. Raises ValueError with a sentence for wrong input."""
    kind, settings = KINDS[options.kind], settings_of(options)
    roles = dict(pairs("--role", options.role))
    done = run_audit(options.file, kind, roles, settings, _told if sys.stderr.isatty() else _silent)
    text = json.dumps(done.result, indent=1, ensure_ascii=False)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.json:
        print(text)
        return
    for table in tables(done, kind, settings, options):
        print("\n".join(lines(table, done.result)), end="\n\n")


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the options say."""
    tolerances = []
    for left, within in pairs("--tolerance", options.tolerance):
        metric, colon, column = left.partition(":")
        try:
            tolerances.append(Tolerance(metric, column, float(within)))
        except ValueError:
            colon = ""
        if not colon:
            raise ValueError(PAIR.format(option="--tolerance", form="METRIC:COLUMN=WITHIN", given=left))
    return Settings(
        normalise=options.normalise,
        favourable=options.favourable,
        threshold=options.threshold,
        exclude=tuple(pairs("--exclude", options.exclude)),
        marks=dict(pairs("--mark", options.mark)),
        baselines=dict(pairs("--baseline", options.baseline)),
        tolerances=tuple(tolerances),
        smallest=options.smallest,
        not_stated=NOT_STATED_TEXTS if options.not_stated is None else tuple(options.not_stated),
        replicates=options.replicates,
        random_state=options.random_state,
    )


def pairs(option: str, given: Iterable[str]) -> list[tuple[str, str]]:
    """NAME=VALUE texts as pairs. Roles, marks and shares hold no equals sign, so there a name may; elsewhere
    a value may, as a pattern does.
    """
    found = []
    for text in given:
        name, equals, value = text.rpartition("=") if option in PLAIN_VALUES else text.partition("=")
        if not equals or not name:
            raise ValueError(PAIR.format(option=option, form="NAME=VALUE", given=text))
        found.append((name, value))
    return found


def tables(done: AuditRun, kind: Kind, settings: Settings, options: argparse.Namespace) -> list[Table]:
    """The table asked for, or one by each column."""
    metrics = tuple(m for m in kind.metrics if m.key in {one["key"] for one in done.result["metrics"]})
    each: list[tuple[str, ...]] = [(column.name,) for column in done.cells.columns]
    by = [tuple(options.by)] if options.by else each or [()]
    return [
        tabulate(
            done.cells,
            kind,
            metrics,
            View(
                system=options.system or done.cells.systems[0],
                metric=options.metric or metrics[0].key,
                by=columns,
                where=tuple(pairs("--where", options.where)),
                aggregation=options.aggregation,
                versus=options.versus,
            ),
            settings,
        )
        for columns in by
    ]


def lines(table: Table, result: dict[str, Any]) -> list[str]:
    """A table as plain lines."""
    metric = next(one for one in result["metrics"] if one["key"] == table.metric)
    title = f"{metric['name']} of {table.system}"
    by = " and ".join(table.columns)
    head = f"{'':<28} {'n':>9} {'people':>7} {'value':>8} {'95 % interval':>17} {'gap':>8} {'p (Holm)':>9}"
    found = [f"{title}{' by ' + by if by else ''} ({table.aggregation}; against {table.versus})", head]
    for row in table.rows:
        name = " / ".join(row.group.values()) or "everyone"
        if row.value is None:
            found.append(f"{name[:28]:<28} {row.note}")
            continue
        interval = "" if row.low is None or row.high is None else f"{row.low:7.1%} to {row.high:6.1%}"
        gap = "" if row.gap is None else f"{row.gap:+8.1%}"
        p = "" if row.p_adjusted is None else f"{row.p_adjusted:9.2g}"
        people = "" if row.clusters is None else f"{row.clusters:,}"
        cells = f"{row.n or 0:>9,} {people:>7} {row.value:>8.1%} {interval:>17} {gap:>8} {p:>9}"
        found.append(f"{name[:28]:<28} {cells}" + (f"  ({row.note})" if row.note else ""))
    return found


def _told(stage: str, share: float) -> None:
    print(f"\r\x1b[2K{stage} {share:.0%}", end="" if share < 1 else "\r\x1b[2K", file=sys.stderr, flush=True)


def _silent(stage: str, share: float) -> None:
    """Nobody watches."""
