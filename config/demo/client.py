"""The HTTP API as a participant's program uses it, with the standard library alone."""

import json
import uuid
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

# The demo talks to this machine only: a proxy of the environment has no part in it.
DIRECT: OpenerDirector = build_opener(ProxyHandler({}))


class ApiError(Exception):
    """No answer, or one other than success: a sentence."""


@dataclass(frozen=True)
class Client:
    url: str
    token: str

    def get(self, path: str) -> dict:
        return json.loads(self.call(path))

    def download(self, path: str) -> bytes:
        return self.call(path)

    def submit(self, slug: str, parts: dict[str, tuple[str, str | bytes]], note: str, key: str) -> dict:
        """Formats and contents of a group and, for a fix, of a predictor."""
        fields = {"kind": "fix" if "predictor" in parts else "find", "note": note}
        files = {}
        for part, (form, content) in parts.items():
            fields[f"{part}_format"] = form
            if isinstance(content, bytes):
                files[f"{part}_file"] = (f"{part}.{form}", content)
            else:
                fields[f"{part}_value" if form == "constant" else f"{part}_rule"] = content
        body, content_type = multipart(fields, files)
        headers = {"Content-Type": content_type, "Idempotency-Key": key}
        return json.loads(self.call(f"bounties/{slug}/submissions/", body, headers))

    def audit(self, fields: dict[str, str], file: bytes, key: str) -> dict:
        body, content_type = multipart(fields, {"file": ("audit.csv", file)})
        return json.loads(self.call("audits/", body, {"Content-Type": content_type, "Idempotency-Key": key}))

    def call(self, path: str, body: bytes | None = None, headers: dict | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        request = Request(f"{self.url}/api/v1/{path}", body, headers)  # noqa: S310 -- the command checks the url
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return answer.read()
        except HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise ApiError(f"The API answers {error.code} for {path}: {said}") from error
        except URLError as error:
            raise ApiError(f"No site answers at {self.url} ({error.reason}).") from error


def multipart(fields: dict[str, str], files: dict[str, tuple[str, bytes]]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [(f'name="{name}"; filename="{file}"', data) for name, (file, data) in files.items()]
    lines = [
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (boundary.encode(), head.encode(), data)
        for head, data in parts
    ]
    return b"".join(lines) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
