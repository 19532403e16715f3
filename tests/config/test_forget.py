"""Sessions and tokens that have run out are forgotten, and no others."""

from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from config.celery import app
from config.models import ApiToken
from config.tasks import forget


def test_what_has_run_out_is_forgotten(client, cast):
    client.force_login(cast.participant)
    now = timezone.now()
    Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(seconds=1))
    for name, days in (("old", -1), ("new", 1)):
        ApiToken.objects.create(cast.participant, name=name, expiry=timedelta(days=days))
    forget()
    assert client.get("/tokens/").status_code == 200 and not Session.objects.filter(pk="old").exists()
    assert list(ApiToken.objects.values_list("name", flat=True)) == ["new"]


def test_it_is_done_every_day():
    entry = settings.CELERY_BEAT_SCHEDULE["forget"]
    assert entry["task"] == forget.name and entry["schedule"] == 86_400
    app.loader.import_default_modules()
    assert entry["task"] in app.tasks
