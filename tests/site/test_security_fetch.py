"""Nothing fetches an address that a person gave: neither our code nor a library that reads what they send."""

import ast
import io
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from bounty.models import Submission
from tests.audits.conftest import make as make_audit
from tests.audits.conftest import run_audits, speech_table
from tests.conftest import PASSWORD

OURS = ("config", "bounty", "audits", "common", "fairness")
CLIENTS = {
    *("aiohttp", "boto3", "botocore", "fsspec", "ftplib", "http.client", "httpx", "paramiko", "requests"),
    *("smtplib", "socket", "ssl", "telnetlib", "urllib.request", "urllib3", "xmlrpc.client"),
}
# Which modules may open a connection, and to what.
ALLOWED = {
    "config/demo/client.py": "the demo's own site, on this machine",
    "config/services.py": "the embedded services, on this machine",
    "config/embedded.py": "whether the port is free",
    "config/storage.py": "the bucket that the operator names",
    "config/management/commands/make_buckets.py": "the bucket that the operator names",
    "config/workers.py": "its own name",
    "config/management/commands/worker_health.py": "its own name",
    "bounty/sandbox/process.py": "a pair of sockets between two processes",
    "bounty/sandbox/watch.py": "a pair of sockets between two processes",
    "bounty/sandbox/zygote.py": "a pair of sockets between two processes",
}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def opens_connections(path: Path) -> bool:
    return any(
        name == client or name.startswith(f"{client}.") for name in imported(path) for client in CLIENTS
    )


def test_few_modules_can_open_a_connection_and_each_says_to_what():
    found = {
        path.relative_to(settings.BASE_DIR).as_posix()
        for folder in OURS
        for path in (settings.BASE_DIR / folder).rglob("*.py")
        if opens_connections(path)
    }
    assert found == set(ALLOWED)


class Trap:
    """A web server that nobody is to call, and every connection of this process to anything but a file."""

    def __init__(self, monkeypatch) -> None:
        self.calls, self.connections = [], []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                calls.append(self.path)
                self.send_response(404)
                self.end_headers()

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        connect = socket.socket.connect

        def noting(sock: socket.socket, address) -> None:
            if sock.family != socket.AF_UNIX:
                self.connections.append(address)
            connect(sock, address)

        monkeypatch.setattr(socket.socket, "connect", noting)

    def addresses(self) -> list[str]:
        return [
            f"{self.url}/table.csv",
            f"s3://bucket/{self.server.server_port}.parquet",
            f"hf://datasets/x/{self.server.server_port}",
            "file:///etc/passwd",
            "/etc/passwd",
            "gs://bucket/x",
            "ftp://127.0.0.1/x",
            f"\\\\127.0.0.1@{self.server.server_port}\\share",
        ]


@pytest.fixture
def trap(monkeypatch):
    trap = Trap(monkeypatch)
    # What polars would reach buckets by.
    monkeypatch.setenv("AWS_ENDPOINT_URL", trap.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    yield trap
    trap.server.shutdown()
    trap.server.server_close()
    assert (trap.calls, trap.connections) == ([], [])


def test_the_trap_shuts(monkeypatch):
    trap = Trap(monkeypatch)
    with pytest.raises(Exception, match="404"):
        pl.read_csv(f"{trap.url}/table.csv")
    trap.server.shutdown()
    trap.server.server_close()
    assert trap.calls


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_names_of_files_are_names(trap, cast, run_worker):
    table = pl.DataFrame({"approve": [0, 1] * 200, "predicted": [1, 0] * 200, "age": range(400)})
    content = io.BytesIO()
    table.write_csv(content)
    client = signed_in(cast.owner)
    for number, name in enumerate(trap.addresses()):
        upload = SimpleUploadedFile("x.csv", content.getvalue())
        upload._name = name
        details = {"title": f"B {number}", "slug": f"b-{number}", "table": upload}
        assert client.post(reverse("bounty:new"), details).status_code in (200, 302)
    run_worker()


def test_cells_that_are_addresses_are_text(trap, cast):
    addresses = trap.addresses()
    frame = speech_table()
    frame = frame.with_columns(
        pl.Series("accent", [addresses[row % len(addresses)] for row in range(frame.height)])
    )
    audit = make_audit(cast.owner, frame, title=f"![x]({trap.url}/i.png)")
    run_audits()
    client = signed_in(cast.owner)
    for name in ("report", "rates", "card", "card_pdf", "offline", "result_json", "tables_csv", "utterances"):
        answer = client.get(reverse(f"audits:{name}", args=[audit.key]))
        assert answer.status_code == 200, name
        assert not answer.streaming or b"".join(answer)


def test_text_of_people_is_shown_without_a_fetch(trap, cast, open_bounty):
    text = "\n\n".join(
        f"![x]({address}) <img src={address}> [link]({address})" for address in trap.addresses()
    )
    open_bounty.summary = text[:230]
    open_bounty.description, open_bounty.source = text, trap.url
    open_bounty.save()
    page = Client().get("/bounties/lending/").content.decode()
    assert "<img" not in page.split("<main")[1].split("</main>")[0]


def external_model(location: str) -> bytes:
    weights = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], np.array([0.5], np.float32))
    weights.ClearField("float_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    given = onnx.helper.make_tensor_value_info("age", onnx.TensorProto.FLOAT, [None, 1])
    answer = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 1])
    node = onnx.helper.make_node("Add", ["age", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [given], [answer], [weights])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]).SerializeToString()


def test_models_and_rules_name_no_place_to_read_from(trap, cast, open_bounty, run_worker):
    client = signed_in(cast.participant)
    for address in trap.addresses():
        model = SimpleUploadedFile("m.onnx", external_model(address))
        for path in ("check", "submit"):
            model.seek(0)
            client.post(
                f"/bounties/lending/{path}/", {"group_format": "onnx", "group_file": model, "note": address}
            )
        run_worker()
        rules = (
            f"age < (SELECT count(*) FROM read_csv('{address}'))",
            f"home = '{address}'",
            f"read_text('{address}') = 'x'",
        )
        for rule in rules:
            client.post("/bounties/lending/check/", {"group_format": "rule", "group_rule": rule})
    statuses = set(Submission.objects.values_list("status", flat=True))
    assert statuses == {"rejected"}


def test_nobody_is_led_elsewhere_after_sign_in(trap, cast):
    for address in (
        trap.url,
        f"//127.0.0.1:{trap.server.server_port}/",
        "https:evil.example.org",
        "javascript:x",
    ):
        client = Client()
        answer = client.post(
            f"/accounts/login/?next={address}",
            {"login": "participant", "password": PASSWORD, "next": address},
        )
        assert answer.status_code == 302 and answer["Location"] == "/"
