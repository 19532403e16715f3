"""A program that calls the API."""

import json
import random

from django.http import HttpResponse
from django.test import Client

from config.models import ApiToken

RULE = {"kind": "find", "group_format": "rule", "group_rule": "age < 30 and home = 'rent'"}


class Caller:
    """One caller, signed by a token of its user where there is one, from an address of its own."""

    def __init__(self, user=None) -> None:
        # An address of its own, so that what one test calls is not throttled in the next.
        address = ".".join(str(random.randrange(1, 255)) for _ in range(4))
        headers = {}
        if user is not None:
            headers["Authorization"] = f"Bearer {ApiToken.objects.create(user, name='test')[1]}"
        self.client = Client(headers=headers, REMOTE_ADDR=address, raise_request_exception=False)

    def get(self, path: str, **options) -> HttpResponse:
        return self.client.get(f"/api/v1/{path}", **options)

    def post(self, path: str, body: dict | list | str | bytes | None = None, **options) -> HttpResponse:
        """A body goes as JSON; `data` goes as multipart."""
        if body is not None:
            content = body if isinstance(body, str | bytes) else json.dumps(body)
            options |= {"data": content, "content_type": "application/json"}
        return self.client.post(f"/api/v1/{path}", **options)

    def submit(self, slug: str, body: dict | None = None, **options) -> HttpResponse:
        return self.post(f"bounties/{slug}/submissions/", RULE if body is None else body, **options)

    def submit_form(self, slug: str, data: dict, **options) -> HttpResponse:
        return self.post(f"bounties/{slug}/submissions/", data=data, **options)


def error_of(response: HttpResponse) -> tuple[int, str, str | None]:
    """Status, code and field; an error has the one shape, and a sentence."""
    body = response.json()
    assert set(body) == {"code", "detail", "field"}
    assert body["detail"]
    return response.status_code, body["code"], body["field"]
