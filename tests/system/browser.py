"""A person's browser without scripts: pages by turns from all web servers, forms with their tokens."""

import re
from dataclasses import dataclass, field

import requests

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
ANSWER_SECONDS = 120


@dataclass
class Browser:
    urls: list[str]
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False  # no proxy stands between this machine and itself

    def get(self, path: str, web: int = 0) -> requests.Response:
        return self.session.get(self.urls[web] + path, timeout=ANSWER_SECONDS)

    def post(
        self, path: str, values: dict, web: int = 0, form: str | None = None, **options
    ) -> requests.Response:
        """Send a form that stands on a page (its own address unless said)."""
        page = self.get(form or path, web)
        found = TOKEN.search(page.text)
        assert found, f"{page.status_code} {page.url}: no form"
        headers = {"Referer": self.urls[web] + path}
        body = {"csrfmiddlewaretoken": found[1]} | values
        return self.session.post(
            self.urls[web] + path, data=body, headers=headers, timeout=ANSWER_SECONDS, **options
        )

    def sign_in(self, name: str, password: str) -> None:
        answer = self.post("/accounts/login/", {"login": name, "password": password})
        assert answer.ok and "/login" not in answer.url, answer.text[-2000:]
