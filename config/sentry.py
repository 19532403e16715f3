"""Errors of ours to a Sentry, where SENTRY_DSN names one: where it broke, and nothing of anybody's.

No bodies, headers, cookies, addresses, users, local variables or breadcrumbs; texts pass through the net of
the log (config.logs). Requests and jobs have the names and ids of the log, so that both can be joined.
"""

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from common.context import facts
from common.version import VERSION

from .logs import redact

KEPT = (
    *("event_id", "timestamp", "level", "logger", "platform", "release", "environment", "server_name"),
    *("transaction", "exception", "logentry", "message", "sdk", "tags"),
)


def begin(dsn: str, environment: str, transport: type[Transport] | None = None) -> None:
    if not dsn:
        return
    sentry_sdk.init(
        dsn,
        release=f"faultline@{VERSION}",
        environment=environment,
        transport=transport,
        # What is not named here is not looked for: no library adds one of its own.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda pending, timeout: None),
            CeleryIntegration(),
            DedupeIntegration(),
            DjangoIntegration(middleware_spans=False, signals_spans=False),
            ExcepthookIntegration(),
            LoggingIntegration(level=None),
        ],
        auto_session_tracking=False,
        send_client_reports=False,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=without_people,
    )


def without_people(event: dict, hint: dict) -> dict:
    """What is sent of an event: a list of what may be, rather than of what may not."""
    kept = {name: event[name] for name in KEPT if name in event}
    kept["tags"] = {name: str(fact) for name, fact in facts().items() if name != "user"}
    for exception in kept.get("exception", {}).get("values", ()):
        exception["value"] = redact(str(exception.get("value") or ""))
    if "logentry" in kept:
        entry = kept["logentry"]
        kept["logentry"] = {"message": redact(str(entry.get("formatted") or entry.get("message") or ""))}
    if "message" in kept:
        kept["message"] = redact(str(kept["message"]))
    return kept
