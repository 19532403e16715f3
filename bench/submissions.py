"""From POST to verdict on a running stack, an ONNX logistic regression on 100,000 hidden rows by 20 columns.

Prints the median time of single submissions beside the bare onnxruntime call on the same rows, and how many
submissions a second two worker processes finish when many teams send at once.
"""

import argparse
import http.client
import io
import json
import statistics
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import django
import numpy as np
import onnxruntime
import polars as pl
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from knox.models import get_token_model  # noqa: E402

from bounty import drafts  # noqa: E402
from bounty.models import Bounty, Status, Submission  # noqa: E402

HIDDEN_ROWS, COLUMNS, SAMPLE_ROWS = 100_000, 20, 10_000
ALONE, TOGETHER, TEAMS = 21, 120, 60
DEADLINE_SECONDS = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    url = parser.parse_args().url
    x, bounty = open_a_bounty()
    model = a_model(x)
    tokens = [token_of(f"bench-{uuid.uuid4().hex[:8]}") for _ in range(TEAMS)]
    bare = bare_seconds(model, x)
    send(url, tokens[0], bounty, model)  # the first fills the worker's caches
    wait_until_all_are_scored(bounty)
    alone = []
    for i in range(ALONE):
        start = time.perf_counter()
        submission = send(url, tokens[i % TEAMS], bounty, model)
        wait_for(url, tokens[i % TEAMS], submission)
        alone.append(time.perf_counter() - start)
    start = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda i: send_when_there_is_room(url, tokens[i % TEAMS], bounty, model), range(TOGETHER)
            )
        )
    wait_until_all_are_scored(bounty)
    rate = TOGETHER / (time.perf_counter() - start)
    accepted = Submission.objects.filter(bounty=bounty).exclude(status=Status.SCORED).count()
    if accepted:
        raise SystemExit(f"{accepted} submissions were not scored.")
    report(statistics.median(alone), max(alone), bare, rate)


def report(median: float, slowest: float, bare: float, rate: float) -> None:
    print(
        f"POST to verdict, 100,000 x 20: ours {median:.3f} s, against bare onnxruntime {bare:.4f} s, ", end=""
    )
    print(f"ratio {median / bare:.1f} (slowest of {ALONE}: {slowest:.3f} s; aim: under 0.5 s)")
    print(f"submissions a second, two worker processes: ours {rate:.1f}, against the aim 8.0, ", end="")
    print(f"ratio {rate / 8:.2f}")
    out = Path("bench/out/submissions.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    figures = {"median_seconds": median, "slowest_seconds": slowest, "bare_seconds": bare, "per_second": rate}
    out.write_text(json.dumps(figures, indent=2) + "\n")


def open_a_bounty() -> tuple[np.ndarray, Bounty]:
    """A table of random numbers, prepared by the running worker."""
    rows = HIDDEN_ROWS + SAMPLE_ROWS
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, COLUMNS)).astype(np.float32)
    label = (random.random(rows) < 0.5).astype(int)
    wrong = random.random(rows) < np.where(x[:, 0] > 1, 0.15, 0.1)
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(COLUMNS)}).with_columns(
        label=pl.Series(label), prediction=pl.Series(np.where(wrong, 1 - label, label))
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    bounty = Bounty.objects.create(
        slug=f"bench-{uuid.uuid4().hex[:8]}",
        title="Bench",
        label_column="label",
        prediction_column="prediction",
        sample_share=SAMPLE_ROWS / rows,
        leaderboard_share=0.5 * HIDDEN_ROWS / rows,
        verdict_cap=10_000,
        team_cap=1000,
        daily_cap=1000,
    )
    upload = drafts.upload_table(bounty, SimpleUploadedFile("bench.parquet", buffer.getvalue()))
    deadline = time.monotonic() + DEADLINE_SECONDS
    while upload.is_unfinished and time.monotonic() < deadline:
        time.sleep(0.1)
        upload.refresh_from_db()
    if upload.status != Status.SCORED:
        raise SystemExit(f"The table was not prepared: {upload.status} {upload.error_detail}")
    drafts.open_bounty(bounty)
    bounty.refresh_from_db()
    return x, bounty


def a_model(x: np.ndarray) -> bytes:
    fitted = LogisticRegression().fit(x, (x[:, 0] + 0.1 * x[:, 1] > 1).astype(int))
    return to_onnx(fitted, x[:1], options={"zipmap": False}).SerializeToString()


def bare_seconds(model: bytes, x: np.ndarray) -> float:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = x[:HIDDEN_ROWS]
    times = []
    for _ in range(20):
        start = time.perf_counter()
        session.run(None, {session.get_inputs()[0].name: rows})
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def token_of(username: str) -> str:
    user = get_user_model().objects.create_user(username)
    return get_token_model().objects.create(user=user, name="bench")[1]


def call(url: str, method: str, path: str, token: str, body: bytes = b"", kind: str = "") -> tuple[int, dict]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": kind} if kind else {})
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def post(url: str, token: str, bounty: Bounty, model: bytes) -> tuple[int, dict]:
    edge = uuid.uuid4().hex
    fields = {"kind": "find", "group_format": "onnx"}
    lines = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
    ]
    file = f'--{edge}\r\nContent-Disposition: form-data; name="group_file"; filename="m.onnx"\r\n\r\n'
    body = "".join(lines).encode() + file.encode() + model + f"\r\n--{edge}--\r\n".encode()
    path = f"/api/v1/bounties/{bounty.slug}/submissions/"
    return call(url, "POST", path, token, body, f"multipart/form-data; boundary={edge}")


def send(url: str, token: str, bounty: Bounty, model: bytes) -> int:
    status, answer = post(url, token, bounty, model)
    if status != 202:
        raise SystemExit(f"The submission was refused: {answer}")
    return answer["id"]


def send_when_there_is_room(url: str, token: str, bounty: Bounty, model: bytes) -> None:
    """As a patient participant: two unfinished at a time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        status, answer = post(url, token, bounty, model)
        if status == 202:
            return
        if answer["code"] not in {"too_many_unfinished", "throttled"}:
            raise SystemExit(f"The submission was refused: {answer}")
        time.sleep(0.5)
    raise SystemExit("The queue did not drain in time.")


def wait_for(url: str, token: str, submission: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if call(url, "GET", f"/api/v1/submissions/{submission}/", token)[1]["status"] not in {
            "queued",
            "running",
        }:
            return
        time.sleep(0.01)
    raise SystemExit("A verdict did not come in time.")


def wait_until_all_are_scored(bounty: Bounty) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if not Submission.objects.filter(bounty=bounty, status__in=["queued", "running"]).exists():
            return
        time.sleep(0.02)
    raise SystemExit("The queue did not drain in time.")


if __name__ == "__main__":
    main()
