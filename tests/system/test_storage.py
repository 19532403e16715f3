"""What the storage itself lets each process do, links that last a minute, and large files in small memory."""

import hashlib
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from config.demo.client import multipart
from tests.repairable import repairable_table

from .browser import Browser
from .stack import HIDDEN, REGION, UPLOADS
from .traffic import Api

SECONDS = 120
LARGE_BYTES, MOST_GROWN = 150_000_000, 60_000_000
LINK_SECONDS = 60


@pytest.fixture(scope="module")
def organiser(site):
    browser = Browser(site.stack.urls)
    browser.sign_in("organiser", site.password)
    return browser


def client_of(stack, who: str | None):
    given = {"region_name": REGION, "endpoint_url": f"http://127.0.0.1:{stack.ports['s3']}"}
    if who is None:
        return boto3.client("s3", config=Config(signature_version=UNSIGNED), **given)
    key, secret = stack.keys[who]
    return boto3.client("s3", aws_access_key_id=key, aws_secret_access_key=secret, **given)


def ask_who_calls(stack, asks: bool) -> None:
    server = f"http://127.0.0.1:{stack.ports['s3 server']}/moto-api/reset-auth"
    free = b"0" if asks else b"1000"
    assert requests.post(server, free, headers={"Content-Type": "text/plain"}, timeout=SECONDS).ok


def refusal(call, **asked) -> int:
    """The status of what the storage does not allow."""
    with pytest.raises(ClientError) as refused:
        call(**asked)
    return refused.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_web_process_has_no_right_to_read_hidden_rows(stack, site, tell):
    site.open_bounty("apart")
    parts = site.query("SELECT parts FROM bounty_bounty WHERE slug = 'apart'")
    key = parts["leaderboard"]["truth"]["path"]
    web, worker, stranger = (client_of(stack, who) for who in ("web", "worker", None))
    there = {"Bucket": HIDDEN, "Key": key}
    assert (
        hashlib.sha256(worker.get_object(**there)["Body"].read()).hexdigest()
        == parts["leaderboard"]["truth"]["sha256"]
    )
    for client in (web, stranger):
        for call in (client.get_object, client.head_object, client.delete_object):
            assert refusal(call, **there) == 403
    assert refusal(web.list_objects_v2, Bucket=HIDDEN) == 403
    web.put_object(Bucket=HIDDEN, Key="tableupload/put-by-web", Body=b"a table")
    assert refusal(web.get_object, Bucket=HIDDEN, Key="tableupload/put-by-web") == 403
    sample = {"Bucket": UPLOADS, "Key": parts["sample"]["truth"]["path"]}
    assert web.get_object(**sample)["Body"].read() and refusal(stranger.get_object, **sample) == 403
    worker.delete_object(Bucket=HIDDEN, Key="tableupload/put-by-web")
    tell(
        "hidden rows asked for with the web process's credential",
        "403 for get, head, list and delete; put is taken",
    )


def test_a_file_is_fetched_by_a_link_that_lasts_a_minute(stack, site, organiser, tell):
    fields = {
        "kind": "classification",
        "title": "Fetched by a link",
        "roles": json.dumps({"approve": "y_true", "predicted": "y_pred", "sex": "group"}),
    }
    body, content_type = multipart(fields, {"file": ("audited.csv", repairable_table().write_csv().encode())})
    api = Api(stack.urls[:1])
    status, made = api.call("audits/", site.organiser, body, Content_Type=content_type)
    assert status == 202, made
    done = "SELECT status = 'scored' FROM audits_audit WHERE key = %s"
    stack.engine.wait(lambda: site.query(done, made["id"]), SECONDS, "the audit is done")
    key = made["id"]
    digest = site.query("SELECT cells_sha256 FROM audits_audit WHERE key = %s", key)
    path = f"{stack.urls[0]}/audits/{key}/cells.parquet"
    answer = organiser.session.get(path, allow_redirects=False, timeout=SECONDS)
    assert answer.status_code == 302 and answer.headers["Cache-Control"] == "private, no-store"
    link = answer.headers["Location"]
    asked = parse_qs(urlsplit(link).query)
    assert asked["X-Amz-Expires"] == [str(LINK_SECONDS)] and UPLOADS in urlsplit(link).path
    # This server knows no signature in an address: it is told not to ask, and the signature is not tried.
    ask_who_calls(stack, False)
    fetched = requests.get(link, timeout=SECONDS)
    ask_who_calls(stack, True)
    assert fetched.status_code == 200, fetched.text
    assert hashlib.sha256(fetched.content).hexdigest() == digest
    assert fetched.headers["Content-Disposition"].startswith("attachment; filename=")
    assert requests.get(link.partition("?")[0], timeout=SECONDS).status_code == 403
    assert requests.get(path, allow_redirects=False, timeout=SECONDS).status_code == 404
    for name in (*stack.webs, *stack.workers):
        assert "X-Amz-Signature" not in stack.engine.containers[name].log.read_text(), name
    tell(
        "a private file",
        f"by a link for {LINK_SECONDS} s, as an attachment; without its signature 403; in no log",
    )


def test_a_large_upload_needs_little_memory(stack, organiser, tell):
    path = stack.folder / "large.csv"
    table = repairable_table().write_csv().encode()
    head, _, rows = table.partition(b"\n")
    with path.open("wb") as file:
        file.write(head + b"\n")
        while file.tell() < LARGE_BYTES:
            file.write(rows)
    processes = [process for web in stack.webs for process in stack.engine.containers[web].processes()]
    before = {process.pid: most_memory(process.pid) for process in processes}
    with path.open("rb") as file:
        sent = organiser.post(
            "/bounties/new/",
            {"title": "Large", "slug": "large", "measure": "error"},
            files={"table": ("large.csv", file, "text/csv")},
        )
    assert sent.ok and sent.url.endswith("/bounties/large/manage/edit/"), sent.text[-2000:]
    grown = max(most_memory(pid) - was for pid, was in before.items())
    tell(f"a table of {path.stat().st_size:,} bytes", f"the web process that took it grew by {grown:,} bytes")
    assert grown < MOST_GROWN


def most_memory(pid: int) -> int:
    """The most that a process ever had in memory, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
