"""The cast and the data of every test: real PostgreSQL, real sandbox, real preparation."""

import gc
import io
import os
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from bounty import drafts, evaluation
from bounty.models import Bounty
from bounty.sandbox import Sandbox

PASSWORD = "correct horse battery staple"
# Files that take longest, above all for the number of their tests.
LONG = ("test_demo", "test_audit_walk", "test_processes", "test_elsewhere", "test_embedded", "test_matrix")


def pytest_configure():
    """Slow hashes are for real passwords; static files are served from where they lie, uncollected."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    # Processes that test side by side share a Redis (tests.side_by_side).
    settings.CACHES["default"]["KEY_PREFIX"] += os.environ.get("PYTEST_XDIST_WORKER", "")


def pytest_collection_modifyitems(items):
    """Whole files go in this order to processes that test side by side: none is to be long at the end."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def pytest_collection_finish():
    """Seven thousand tests are not looked through again at every collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI nothing may be skipped."""
    report = yield
    if report.skipped and os.environ.get("FAULTLINE_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"Skipped where nothing may be: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """A database in use cannot be dropped."""
    yield
    with django_db_blocker.unblock():
        end_other_sessions()


def end_other_sessions() -> None:
    """Those that tests in a browser leave: a request that ends while a test's own client is at work, which
    switches Django's signals off, keeps its connection as long as the browser keeps its own.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def run_worker(sandbox):
    """Do all waiting jobs, as a worker does at its wake-ups."""

    def run() -> int:
        done = 0
        while evaluation.work(sandbox):
            done += 1
        return done

    return run


@pytest.fixture
def cast(db):
    """owner organises, participant and rival take part, outsider has no part in it, staff operates."""
    make = get_user_model().objects.create_user
    people = {
        name: make(name, f"{name}@example.org", PASSWORD)
        for name in ("owner", "participant", "rival", "outsider")
    }
    people["staff"] = make("staff", "staff@example.org", PASSWORD, is_staff=True, is_superuser=True)
    return SimpleNamespace(**people)


def lending_table(rows: int = 4000, seed: int = 7) -> pl.DataFrame:
    """Applications with one group the model fails: young renters are decided wrongly four times as often."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    home = random.choice(["rent", "own", "family"], rows, p=[0.4, 0.5, 0.1])
    approve = random.random(rows) < 0.7
    wrong = random.random(rows) < np.where((age < 30) & (home == "rent"), 0.4, 0.1)
    return pl.DataFrame(
        {
            "age": age,
            "income": np.round(random.lognormal(10, 0.5, rows), 2),
            "home": home,
            "sex": random.choice(["female", "male"], rows),
            "approve": approve.astype(int),
            "predicted": (approve ^ wrong).astype(int),
        }
    )


def as_upload(frame: pl.DataFrame, name: str = "table.csv") -> SimpleUploadedFile:
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    return SimpleUploadedFile(name, buffer.getvalue())


def draft(owner, slug: str = "lending", **values) -> Bounty:
    bounty = Bounty.objects.create(
        **{
            "slug": slug,
            "title": "Lending decisions",
            "label_column": "approve",
            "prediction_column": "predicted",
            "group_columns": ["sex", "home"],
            "verdict_cap": 200,
            "team_cap": 50,
            # The same split in every run.
            "random_state": 730_425_118,
        }
        | values
    )
    bounty.organisers.add(owner)
    return bounty


@pytest.fixture
def draft_bounty(cast):
    return draft(cast.owner)


@pytest.fixture
def open_bounty(cast, run_worker):
    """An opened bounty of the owner, its table prepared by the worker."""
    bounty = draft(cast.owner)
    drafts.upload_table(bounty, as_upload(lending_table()))
    run_worker()
    drafts.open_bounty(bounty)
    bounty.refresh_from_db()
    return bounty
