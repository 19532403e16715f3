"""A site whose one page fails, and a job that does: prints what would go to Sentry, an event a line."""

import json
import logging
import os

import django
import sentry_sdk
from django.conf import settings
from django.test import Client
from django.urls import path
from sentry_sdk.transport import Transport

from common.context import about
from config import sentry

SECRET = "5up3r-53cret"
FORM = "application/x-www-form-urlencoded"


class Printed(Transport):
    def capture_envelope(self, envelope) -> None:
        for item in envelope.items:
            print(json.dumps({"type": item.type, "event": item.payload.json}))


def fail(request, key: str):
    password = request.POST["password"]
    raise ValueError(f"Key (email)=({password}@example.org) already exists: token flt_{password}")


urlpatterns = [path("reset/<str:key>/", fail, name="reset")]

if __name__ == "__main__":
    sentry.begin(os.environ["DSN"], "test", Printed)
    django.setup()
    # No session is looked for, which would ask a database.
    settings.ROOT_URLCONF, settings.MIDDLEWARE, settings.DEBUG = __name__, ["config.requests.observed"], False
    browser = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {SECRET}"})
    browser.cookies["sessionid"] = SECRET
    browser.post(f"/reset/{SECRET}/?token={SECRET}", f"password={SECRET}", FORM, REMOTE_ADDR="203.0.113.9")
    with about(job="submission", job_id=7, bounty=3):
        try:
            raise OSError(f"https://files/hidden?X-Amz-Signature={SECRET}")
        except OSError:
            logging.getLogger("bounty.evaluation").exception("failed at try %s of %s@example.org", 2, SECRET)
    sentry_sdk.flush()
