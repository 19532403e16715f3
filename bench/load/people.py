"""Participants as locust runs them: most read pages and submit by the form, some write programs for the API.

    LOAD_SITE=site.json LOAD_OUT=out.json locust -f bench/load/people.py --headless --host ADDRESS ...

Nobody submits while a submission of theirs waits, and everybody thinks between two pages: as people would, so
that no quota and no rate limit is met. Each has an address of its own, as behind a proxy.
"""

import itertools
import json
import os
import random
import re
import time
import uuid
from http.cookiejar import Cookie
from pathlib import Path
from urllib.parse import urlencode

from locust import FastHttpUser, between, events, task

SITE = json.loads(Path(os.environ["LOAD_SITE"]).read_text())
PEOPLE = itertools.count()
SLUG = SITE["bounties"][-1]
MODEL = bytes.fromhex(SITE["model"])
POLL_SECONDS, PATIENCE_SECONDS = (
    2.0,
    45.0,
)  # how often a waiting page asks, and when its reader looks elsewhere
THINKS = between(*SITE["thinks"])
STATIC = re.compile(r'(?:href|src)="(/static/[^"]+)"')
STATE = re.compile(r'hx-get="[^"]*\?seen=([^"]*)"')
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
KEY = re.compile(r'name="form_key" value="([^"]+)"')
ONE_IN_ONNX, ONE_IN_FIXES, ONE_IN_REPEATED = 6, 4, 3
ONE_IN_NEW = 5  # others have the static files of an earlier visit, which never change under their names


@events.quitting.add_listener
def write_down(environment, **_: object) -> None:
    """What was asked, how long each answer took, and every error."""
    stats = environment.stats
    found = {
        "requests": stats.serialize_stats(),
        "errors": [
            {"name": f"{one.method} {one.name}", "error": str(one.error), "times": one.occurrences}
            for one in stats.errors.values()
        ],
    }
    Path(os.environ["LOAD_OUT"]).write_text(json.dumps(found))


def a_rule() -> str:
    """One of many conditions that people would try; few of them are proven."""
    low = random.randint(18, 60)
    return random.choice(
        (
            f"age BETWEEN {low} AND {low + random.randint(5, 25)}",
            f"income > {random.randint(5, 60)}000 AND home = '{random.choice(('rent', 'own', 'family'))}'",
            f"children >= {random.randint(1, 4)} AND sex = '{random.choice(('female', 'male'))}'",
            f"employed < {random.randint(1, 20)} OR loan > {random.randint(20, 300)}000",
        )
    )


class Someone(FastHttpUser):
    """What both kinds of participant do alike."""

    abstract = True
    wait_time = THINKS
    network_timeout = connection_timeout = 60.0

    def on_start(self) -> None:
        number = next(PEOPLE)
        self.me = SITE["people"][number % len(SITE["people"])]
        self.headers = {"X-Forwarded-For": f"10.9.{number // 250}.{1 + number % 250}"}
        self.waiting = ""
        time.sleep(random.uniform(0, SITE["thinks"][0]))  # they do not all begin with the same page at once

    def read(self, path: str, name: str, **headers: str):
        return self.client.get(path, name=name, headers=self.headers | headers)

    def follow(self, started: float, ask) -> None:
        """Ask until there is an outcome or patience ends; how long it took is a measurement of its own."""
        while time.monotonic() - started < PATIENCE_SECONDS:
            time.sleep(POLL_SECONDS)
            if ask():
                self.waiting = ""
                milliseconds = 1000 * (time.monotonic() - started)
                self.environment.events.request.fire(
                    request_type="WAIT",
                    name="from sending to the outcome on the page",
                    response_time=milliseconds,
                    response_length=0,
                    exception=None,
                    context={},
                )
                return


class Reader(Someone):
    """Signed in, with a browser."""

    weight = 7

    def on_start(self) -> None:
        super().on_start()
        self.client.cookiejar.set_cookie(cookie("sessionid", self.me["session"]))
        self.state = ""
        page = self.read("/", "/")
        if random.randrange(ONE_IN_NEW) == 0:
            for path in sorted(set(STATIC.findall(page.text or ""))):
                self.read(path, "/static/")

    @task(2)
    def home(self) -> None:
        self.read("/", "/")

    @task(2)
    def bounties(self) -> None:
        self.read("/bounties/", "/bounties/")

    @task(4)
    def overview(self) -> None:
        self.read(f"/bounties/{SLUG}/", "/bounties/[slug]/")

    @task(2)
    def data(self) -> None:
        self.read(f"/bounties/{SLUG}/data/", "/bounties/[slug]/data/")

    @task(4)
    def leaderboard(self) -> None:
        query = random.choice(("", "?page=2", "?track=fix", "?track=fix&list=solo"))
        self.read(f"/bounties/{SLUG}/leaderboard/{query}", "/bounties/[slug]/leaderboard/")

    @task(2)
    def model(self) -> None:
        self.read(f"/bounties/{SLUG}/model/", "/bounties/[slug]/model/")

    @task(1)
    def round(self) -> None:
        self.read(f"/bounties/{SLUG}/model/1/", "/bounties/[slug]/model/[n]/")

    @task(1)
    def groups(self) -> None:
        self.read(f"/bounties/{SLUG}/groups/", "/bounties/[slug]/groups/")

    @task(1)
    def guard(self) -> None:
        self.read(f"/bounties/{SLUG}/guard/", "/bounties/[slug]/guard/")

    @task(3)
    def own_submissions(self) -> None:
        page = self.read(f"/bounties/{SLUG}/submissions/", "/bounties/[slug]/submissions/")
        if own := re.findall(r'href="/submissions/(\d+)/"', page.text or ""):
            self.read(f"/submissions/{random.choice(own)}/", "/submissions/[id]/")

    @task(1)
    def audits(self) -> None:
        self.read("/audits/", "/audits/")
        self.read(f"/audits/{SITE['audit']}/", "/audits/[key]/")

    @task(1)
    def status(self) -> None:
        if SITE["has_status"]:
            self.read("/status/", "/status/")

    @task(1)
    def submit(self) -> None:
        """By the form: a rule most often, sometimes a model, sometimes a fix."""
        if self.waiting and not self.ask():
            return
        name = "/bounties/[slug]/submit/"
        form = self.read(f"/bounties/{SLUG}/submit/", name).text or ""
        token, key = TOKEN.search(form), KEY.search(form)
        if not token or not key:
            return
        fields = {"csrfmiddlewaretoken": token[1], "form_key": key[1], "kind": "find", "group_format": "rule"}
        fields["group_rule"] = a_rule()
        self.try_on_the_sample(fields)
        time.sleep(random.uniform(3, 10))
        if random.randrange(ONE_IN_FIXES) == 0:
            fields |= {"kind": "fix", "predictor_format": "constant", "predictor_value": random.choice("01")}
        body, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        if fields["kind"] == "find" and random.randrange(ONE_IN_ONNX) == 0:
            body, kind = multipart(fields | {"group_format": "onnx", "group_rule": ""})
        answer = self.client.post(
            f"/bounties/{SLUG}/submit/",
            data=body,
            name=name,
            headers=self.headers | {"Content-Type": kind},
            allow_redirects=False,
        )
        if answer.status_code == 302:
            self.waiting, self.state = answer.headers["Location"], ""
            page = self.read(self.waiting, "/submissions/[id]/")
            self.look(page.text or "")
            self.follow(time.monotonic(), self.ask)

    def try_on_the_sample(self, fields: dict) -> None:
        self.client.post(
            f"/bounties/{SLUG}/check/",
            data=urlencode(fields).encode(),
            name="/bounties/[slug]/check/",
            headers=self.headers
            | {"HX-Request": "true", "Content-Type": "application/x-www-form-urlencoded"},
        )

    def ask(self) -> bool:
        """What a waiting page does every two seconds; whether there is an outcome."""
        query = urlencode({"seen": self.state})
        page = self.read(f"{self.waiting}?{query}", "/submissions/[id]/?seen=", **{"HX-Request": "true"})
        return page.status_code == 200 and not self.look(page.text or "")

    def look(self, page: str) -> bool:
        """Whether the page still waits, and the state it shows."""
        found = STATE.search(page)
        self.state = found[1] if found else ""
        return found is not None


class Programmer(Someone):
    """With a token, by the API."""

    weight = 3

    def on_start(self) -> None:
        super().on_start()
        self.headers |= {"Authorization": f"Bearer {self.me['token']}"}

    @task(2)
    def bounties(self) -> None:
        self.read("/api/v1/bounties/", "/api/v1/bounties/")

    @task(3)
    def bounty(self) -> None:
        self.read(f"/api/v1/bounties/{SLUG}/", "/api/v1/bounties/[slug]/")

    @task(3)
    def leaderboard(self) -> None:
        self.read(f"/api/v1/bounties/{SLUG}/leaderboard/", "/api/v1/bounties/[slug]/leaderboard/")

    @task(2)
    def submissions(self) -> None:
        self.read(f"/api/v1/bounties/{SLUG}/submissions/", "/api/v1/bounties/[slug]/submissions/")

    @task(1)
    def sample(self) -> None:
        self.read(f"/api/v1/bounties/{SLUG}/sample/?as=parquet", "/api/v1/bounties/[slug]/sample/")

    @task(1)
    def submit(self) -> None:
        """With a key of its own; a program that is not sure of an answer sends the same again."""
        if self.waiting and not self.ask():
            return
        key, started = uuid.uuid4().hex, time.monotonic()
        fields = {"kind": "find", "group_format": "rule", "group_rule": a_rule()}
        body, kind = json.dumps(fields).encode(), "application/json"
        if random.randrange(ONE_IN_ONNX) == 0:
            body, kind = multipart({"kind": "find", "group_format": "onnx"})
        headers = self.headers | {"Content-Type": kind, "Idempotency-Key": key}
        path, name = f"/api/v1/bounties/{SLUG}/submissions/", "/api/v1/bounties/[slug]/submissions/"
        answer = self.client.post(path, data=body, name=name, headers=headers)
        if answer.status_code != 202:
            return
        sent = answer.json()["id"]
        if random.randrange(ONE_IN_REPEATED) == 0:
            with self.client.post(path, data=body, name=name, headers=headers, catch_response=True) as again:
                if again.status_code == 202 and again.json()["id"] != sent:
                    again.failure("The same Idempotency-Key made a second submission.")
        self.waiting = f"/api/v1/submissions/{sent}/"
        self.follow(started, self.ask)

    def ask(self) -> bool:
        answer = self.read(self.waiting, "/api/v1/submissions/[id]/")
        return answer.status_code == 200 and answer.json()["status"] not in ("queued", "running")


def cookie(name: str, value: str) -> Cookie:
    host = "127.0.0.1"
    return Cookie(
        0, name, value, None, False, host, False, False, "/", True, False, None, False, None, None, {}
    )


def multipart(fields: dict[str, str]) -> tuple[bytes, str]:
    """A form with a model as the group's file, and its content type."""
    edge = uuid.uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
    ]
    file = f'--{edge}\r\nContent-Disposition: form-data; name="group_file"; filename="group.onnx"\r\n\r\n'
    body = "".join(parts).encode() + file.encode() + MODEL + f"\r\n--{edge}--\r\n".encode()
    return body, f"multipart/form-data; boundary={edge}"
