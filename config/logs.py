"""Lines of the log, for people or as JSON, of web servers, workers and whatever they use.

A line holds what is listed in FIELDS and nothing else that a library may hang on to it. What looks like a
secret or an address of a person is taken out, also of tracebacks: the last net, not the first.
"""

import logging
import re
import time

from django.core.exceptions import ImproperlyConfigured
from pythonjsonlogger.json import JsonFormatter

from common.context import facts

FORMATS = ("line", "json")
FIELDS = ("request_id", "user", "job", "job_id", "bounty", "method", "route", "status", "milliseconds")
SECRETS = (
    # Addresses of people; a worker of Celery has a name of the same form.
    (re.compile(r"(?<![\w.+-])(?!celery@)[\w.+-]+@[\w-]+\.[\w.-]+"), "…@…"),
    (re.compile(r"://[^\s/@]+@"), "://…@"),
    (re.compile(r"(?i)\b(bearer |flt_)[\w.~+/-]+=*"), r"\1…"),
    (re.compile(r"\?[\w%.-]+=[^\s'\"<>]*"), "?…"),
    (re.compile(r"(/accounts/(?:password/reset/key|confirm-email)/)[^\s'\"<>]+"), r"\1…"),
)
PATH = re.compile(r"/\S*")


def config(form: str, level: str) -> dict:
    """What logging.config.dictConfig takes."""
    if form not in FORMATS:
        raise ImproperlyConfigured(f"LOG_FORMAT is “{form}”: write one of {', '.join(FORMATS)}.")
    ours = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": InContext}},
        "formatters": {"line": {"()": Line}, "json": {"()": Json}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": form, "filters": ["context"]},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": ours | {"level": "INFO"},
            # What a client did wrong stands in the line of its request.
            "django.request": ours | {"level": "ERROR"},
            "gunicorn.error": ours | {"level": "INFO"},
            # Every wake-up would have three lines; each job has lines of its own.
            "celery.app.trace": ours | {"level": "WARNING"},
            "celery.worker.strategy": ours | {"level": "WARNING"},
            "celery.beat": ours | {"level": "WARNING"},
            # Each failed try of each pool; who needed the connection says it as well.
            "psycopg.pool": ours | {"level": "ERROR"},
        },
    }


class InContext(logging.Filter):
    """Gives every record what the work at hand is about, and takes paths out: they may hold keys."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, fact in facts().items():
            if not hasattr(record, name):
                setattr(record, name, fact)
        if hasattr(record, "request") or (record.name == "gunicorn.error" and "request" in str(record.msg)):
            record.msg, record.args = PATH.sub("/…", record.getMessage()), ()
        return True


def redact(text: str) -> str:
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text


def fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}


class Line(logging.Formatter):
    """Time, level, logger, message, then the fields as name=value, then a traceback."""

    converter = time.gmtime

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's own name
        found = "".join(f" {name}={value}" for name, value in fields(record).items())
        return super().formatMessage(record) + found

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class Json(JsonFormatter):
    """One object a line."""

    converter = time.gmtime

    def __init__(self) -> None:
        super().__init__(json_ensure_ascii=False)

    def add_fields(self, log_data: dict, record: logging.LogRecord, message_dict: dict) -> None:
        log_data |= {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            **fields(record),
        }
        for name in ("exc_info", "stack_info"):
            if message_dict.get(name):
                log_data[name] = redact(message_dict[name])
