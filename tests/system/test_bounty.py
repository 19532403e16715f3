"""A bounty from its table to its final ranking, over web servers and workers that share only services."""

import json
import time

import pytest

from config.demo.client import multipart
from tests.repairable import repairable_table

from .browser import Browser
from .traffic import UNFINISHED, Api
from .uploads import big_table

SLUG = "across"
SECONDS = 120
# More than the storage takes in one piece.
ROWS, PART_BYTES = 250_000, 8 * 1024 * 1024
SENT = (
    {"kind": "find", "group_format": "rule", "group_rule": "age < 30 AND home = 'rent'"},
    {"kind": "find", "group_format": "rule", "group_rule": "age >= 60"},
    {
        "kind": "fix",
        "group_format": "rule",
        "group_rule": "age < 30 AND home = 'rent'",
        "predictor_format": "constant",
        "predictor_value": "1",
    },
    {"kind": "find", "group_format": "rule", "group_rule": "age < 30 AND home = 'rent'"},
)
EXPECTED = ["accepted", "accepted", "accepted", "nothing_new"]
SETTINGS = {
    "title": "Across machines",
    "slug": SLUG,
    "measure": "error",
    "label_column": "approve",
    "prediction_column": "predicted",
    "visible_columns": ["age", "home", "sex", "income"],
    "group_columns": ["sex", "home"],
    "sample_share": "20",
    "leaderboard_share": "40",
    "min_rows": "30",
    "verdict_cap": "200",
    "alpha": "0.05",
    "team_cap": "50",
    "daily_cap": "20",
    "rejected_daily_cap": "30",
    "wall_seconds": "10",
    "takes_fixes": "on",
    "min_gain": "0",
    "publish_groups": "on",
}


@pytest.fixture(scope="module")
def organiser(site):
    browser = Browser(site.stack.urls)
    browser.sign_in("organiser", site.password)
    return browser


def test_a_bounty_runs_over_two_web_servers_and_two_workers(stack, site, organiser, tell):
    table = big_table(stack.folder, ROWS)
    details = {"title": SETTINGS["title"], "slug": SLUG, "measure": "error"}
    with table.open("rb") as file:
        sent = organiser.post(
            "/bounties/new/", details, web=0, files={"table": ("table.csv", file, "text/csv")}
        )
    assert sent.ok and sent.url.endswith(f"/bounties/{SLUG}/manage/edit/"), sent.text[-3000:]
    assert table.stat().st_size > PART_BYTES
    requests = (stack.folder / "s3-server" / "log").read_text()
    assert "uploadId=" in requests, "it went in one piece"
    tell("a table sent to the first web server", f"{table.stat().st_size:,} bytes, in parts to the storage")

    saved = organiser.post(f"/bounties/{SLUG}/manage/edit/", SETTINGS, web=1)
    assert saved.url.endswith(f"/bounties/{SLUG}/manage/"), saved.text[-3000:]
    began = time.monotonic()
    prepared = "SELECT parts <> '{}' FROM bounty_bounty WHERE slug = %s"
    stack.engine.wait(lambda: site.query(prepared, SLUG), SECONDS, "the table is prepared")
    tell("its columns named through the second", f"prepared by a worker in {time.monotonic() - began:.0f} s")

    opened = organiser.post(f"/bounties/{SLUG}/manage/open/", {}, web=1, form=f"/bounties/{SLUG}/manage/")
    assert opened.ok and site.query("SELECT opened_at IS NOT NULL FROM bounty_bounty WHERE slug = %s", SLUG)

    api, codes, workers = Api(stack.urls), [], set()
    for place, body in enumerate(SENT):
        token = site.tokens[place % 2]
        codes.append(verdict(stack, api, token, body)["code"])
    assert codes == EXPECTED
    for worker in stack.workers:
        if "job=submission" in stack.engine.containers[worker].log.read_text():
            workers.add(worker)
    tell("submissions through both", f"verdicts {', '.join(codes)}; judged by {', '.join(sorted(workers))}")

    boards = [Api([url]).call(f"bounties/{SLUG}/leaderboard/") for url in stack.urls]
    assert boards[0] == boards[1]
    assert {row["team"]: row["accepted"] for row in boards[0][1]["rows"]} == {"team00": 1, "team01": 1}
    tell("the leaderboard of both", "the same")

    closed = organiser.post(f"/bounties/{SLUG}/manage/close/", {}, web=0, form=f"/bounties/{SLUG}/manage/")
    assert closed.ok
    final = {}

    def published() -> bool:
        status, answer = api.call(f"bounties/{SLUG}/final/")
        final.update(answer)
        return status == 200

    stack.engine.wait(published, SECONDS, "the final ranking is published")
    assert organiser.get(f"/bounties/{SLUG}/final/", web=1).ok
    assert "verdicts come out as stored" in stack.manage("rejudge", SLUG, "--check")
    tell(
        "closed through the first web server",
        f"a final ranking of {len(final['tracks']['find'])} teams; rejudge agrees",
    )


def verdict(stack, api: Api, token: str, body: dict) -> dict:
    path = f"bounties/{SLUG}/submissions/"
    status, taken = api.call(path, token, json.dumps(body).encode(), Content_Type="application/json")
    assert status == 202, taken
    seen = {}

    def judged() -> bool:
        seen.update(api.call(f"submissions/{taken['id']}/", token)[1])
        return seen["status"] not in UNFINISHED

    stack.engine.wait(judged, SECONDS, f"submission {taken['id']} is judged")
    assert seen["status"] == "scored", seen
    return seen["verdict"]


def test_an_audit_and_its_exports(stack, site, tell):
    table = repairable_table().write_csv().encode()
    roles = {"approve": "y_true", "predicted": "y_pred", "sex": "group", "home": "group"}
    fields = {"kind": "classification", "title": "Decisions by sex and home", "roles": json.dumps(roles)}
    body, content_type = multipart(fields, {"file": ("audited.csv", table)})
    first, second = (Api([url]) for url in stack.urls)
    status, made = first.call("audits/", site.tokens[0], body, Content_Type=content_type)
    assert status == 202, made
    seen = {}

    def done() -> bool:
        seen.update(second.call(f"audits/{made['id']}/", site.tokens[0])[1])
        return seen["status"] not in UNFINISHED

    stack.engine.wait(done, SECONDS, "the audit is done")
    assert seen["status"] == "scored", seen
    _, result = second.call(f"audits/{made['id']}/result/", site.tokens[0])
    assert result["data"]["rows"] == 4000
    tell("an audit through the first, its result from the second", f"{len(result['tables'])} tables")
    _, export = second.fetch(f"audits/{made['id']}/export.csv", site.tokens[0])
    assert export.count(b"\n") > 4
    assert first.call(f"audits/{made['id']}/", site.tokens[1])[0] == 404
    tell("its export", f"{len(export):,} bytes of CSV; another team gets 404")
