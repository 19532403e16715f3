"""Find a group that a model fails, and one that a constant serves better, with Python's standard library
alone.

    export FAULTLINE_TOKEN=...        # from the page "API tokens"
    python3 submit.py --url http://127.0.0.1:8000 [--bounty SLUG]

It searches the public sample: every value of a text column, both sides of the quartiles of a number column,
and every two of these together. Of the groups with enough rows it submits as a find the one whose gap, less
three standard errors, weighs most, and as a fix the one in which giving everybody the same label mends most.
What holds on the sample may fail on the hidden rows: the site decides.
"""

import argparse
import csv
import hashlib
import io
import itertools
import json
import math
import os
import statistics
import sys
import time
import urllib.error
import urllib.request

UNFINISHED = ("queued", "running")
WAIT_SECONDS = 300
FEW_VALUES = 10
OF_NUMBERS = ("squared_error", "absolute_error", "log_loss")


class Faultline:
    def __init__(self, url, token):
        self.root = url.rstrip("/") + "/api/v1/"
        self.token = token

    def call(self, path, body=None, **headers):
        url = path if path.startswith("http") else self.root + path
        headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, body, headers)  # noqa: S310 -- the site that was asked for
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.read()

    def get(self, path):
        return json.loads(self.call(path))

    def post(self, path, body, **headers):
        return json.loads(self.call(path, body, **headers))

    def bounties(self):
        page = self.get("bounties/")
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            page = self.get(page["next"])

    def sample(self, slug):
        return list(csv.DictReader(io.StringIO(self.call(f"bounties/{slug}/sample/").decode(), newline="")))


# Sets of rows are whole numbers, one bit a row: "and" is intersection, and counting is fast.


def rows_where(answers):
    return int("".join("01"[answer] for answer in answers), 2)


def counts(bounty, rows):
    """The rows that count for the bounty's measure, and those of them that went wrong."""
    if bounty["measure"] == "wer":  # Speech: an utterance goes wrong where any of its words does.
        exposed = rows_where(int(row["exposure"]) > 0 for row in rows)
        return exposed, rows_where(int(row["errors"]) > 0 for row in rows)
    good = bounty["favourable_label"]
    wrong = rows_where(row["label"] != row["prediction"] for row in rows)
    if bounty["measure"] == "false_rejection":
        exposed = rows_where(row["label"] == good for row in rows)
    elif bounty["measure"] == "false_acceptance":
        exposed = rows_where(row["label"] != good for row in rows)
        wrong = rows_where(row["prediction"] == good for row in rows)
    else:
        exposed = rows_where(True for row in rows)
    return exposed, wrong & exposed


def conditions(bounty, rows):
    """SQL conditions on one column, each with the rows for which it is true. A missing value is in none."""
    for column in bounty["columns"]:
        quoted = '"' + column["name"].replace('"', '""') + '"'
        values = [row[column["name"]] for row in rows]
        if column["dtype"] == "text":
            for value in sorted({*values} - {""}):
                text = value.replace("'", "''")
                yield f"{quoted} = '{text}'", rows_where(cell == value for cell in values)
            continue
        numbers = [float(cell) if cell else math.nan for cell in values]
        given = [number for number in numbers if not math.isnan(number)]
        cuts = {*given} if len({*given}) <= FEW_VALUES else {*statistics.quantiles(given, n=4)}
        for cut in sorted(cuts):
            yield f"{quoted} < {cut!r}", rows_where(number < cut for number in numbers)
            yield f"{quoted} >= {cut!r}", rows_where(number >= cut for number in numbers)


def worth(group, exposed, wrong, min_rows):
    """How much of the overall rate the group's gap explains, after three standard errors."""
    inside, outside = group & exposed, exposed & ~group
    n, m = inside.bit_count(), outside.bit_count()
    if min(n, m) < min_rows:
        return -math.inf
    rate, rest = (inside & wrong).bit_count() / n, (outside & wrong).bit_count() / m
    error = math.sqrt(rate * (1 - rate) / n + rest * (1 - rest) / m)
    return n / (n + m) * (rate - rest - 3 * error)


def groups(bounty, rows):
    """Rules with the rows they hold: single conditions that hold enough rows, and every two of these."""
    least = bounty["min_rows"]
    single = [(rule, group) for rule, group in conditions(bounty, rows) if group.bit_count() >= least]
    pairs = ((f"{a} AND {b}", x & y) for (a, x), (b, y) in itertools.combinations(single, 2))
    return [(rule, group) for rule, group in itertools.chain(single, pairs) if group.bit_count() >= least]


def worst_group(bounty, rows, groups):
    """The rule that is worth most as a find; None where no group stands out."""
    exposed, wrong = counts(bounty, rows)
    scored = ((worth(group, exposed, wrong, bounty["min_rows"]), rule) for rule, group in groups)
    most, rule = max(scored, default=(0, None))
    return {"kind": "find", "group_format": "rule", "group_rule": rule} if most > 0 else None


def best_constant(bounty, rows, groups):
    """The rule and the label for all its rows that mend most; None where the model does better everywhere."""
    right = rows_where(row["label"] == row["prediction"] for row in rows)
    most, fix = 0, None
    for label in bounty["labels"]:
        is_label = rows_where(row["label"] == label for row in rows)
        for rule, group in groups:
            mended = (group & is_label & ~right).bit_count()
            broken = (group & right & ~is_label).bit_count()
            gain = mended - broken - 3 * math.sqrt(mended + broken)
            if gain > most:
                predictor = {"predictor_format": "constant", "predictor_value": label}
                fix = {"kind": "fix", "group_format": "rule", "group_rule": rule, **predictor}
                most = gain
    return fix


def wait_for(site, url):
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        submission = site.get(url)
        if submission["status"] not in UNFINISHED or time.monotonic() > deadline:
            return submission
        place = submission["queue_position"]
        print(f"  {submission['status']}" + (f", place {place} in the queue" if place else ""))
        time.sleep(1)


def report(submission):
    verdict, error = submission["verdict"], submission["error"]
    if verdict:
        print(f"Verdict: {'accepted' if verdict['accepted'] else 'not accepted'} ({verdict['code']})")
    elif error:
        print(f"{submission['status'].capitalize()}: {error['detail']}")
    else:
        print(f"Still {submission['status']}. Run this again later: it submits nothing twice.")


def dry_run(site, slug, body):
    found = site.post(f"bounties/{slug}/check/", body)
    print(f"Group: {body['group_rule']}")
    if body["kind"] == "find":
        print(f"  rate {found['rate']:.1%} against {found['rest_rate']:.1%}, {found['rows']} rows that count")
        return
    print(f"  everybody gets {body['predictor_value']}")
    print(f"  error in the group {found['group_before']:.1%}, then {found['group_after']:.1%}")


def submit(site, slug, body):
    """Submit and wait. The same body gives the same key, so running this again makes no second submission."""
    key = hashlib.sha256(json.dumps([slug, body]).encode()).hexdigest()
    body = {**body, "note": "by submit.py"}
    sent = site.post(f"bounties/{slug}/submissions/", body, **{"Idempotency-Key": key})
    report(wait_for(site, sent["url"]))
    print(f"Leaderboard of {'finds' if body['kind'] == 'find' else 'fixes'}:")
    for row in site.get(f"bounties/{slug}/leaderboard/?track={body['kind']}")["rows"][:10]:
        print(f"  {row['rank']:>3}  {row['points']:6.1f}  {row['team']}")


def main(site, slug):
    if slug is None:
        slug = next((row["slug"] for row in site.bounties() if row["phase"] == "open"), None)
        if slug is None:
            sys.exit("No bounty is open.")
    bounty = site.get(f"bounties/{slug}/")
    if bounty["measure"] in OF_NUMBERS:
        sys.exit("This program looks for groups where answers are wrong, not where numbers are off.")
    rows = site.sample(slug)
    print(f"{bounty['title']}: {len(rows)} rows in the public sample")
    found = groups(bounty, rows)
    bodies = [worst_group(bounty, rows, found)]
    if bounty["takes_fixes"]:
        bodies.append(best_constant(bounty, rows, found))
    if not any(bodies):
        sys.exit("No group stands out on the sample. Nothing was submitted.")
    for body in filter(None, bodies):
        dry_run(site, slug, body)
        submit(site, slug, body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--bounty", help="its slug; otherwise the newest open one")
    options = parser.parse_args()
    token = os.environ.get("FAULTLINE_TOKEN") or sys.exit("Set FAULTLINE_TOKEN to an API token.")
    try:
        main(Faultline(options.url, token), options.bounty)
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {error.read().decode(errors='replace')}")
    except urllib.error.URLError as error:
        sys.exit(f"{options.url} cannot be reached: {error.reason}")
