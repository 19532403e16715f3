from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

USING_VERDICTS = Q(status__in=["queued", "running", "scored"]) | Q(on_hidden=True, status="rejected")
INDEXES = [
    models.Index(
        fields=["bounty", "team", "created"],
        include=["status"],
        name="submission_using_verdict",
        condition=USING_VERDICTS,
    ),
    models.Index(fields=["bounty", "kind", "team", "id"], name="submission_standings"),
    models.Index(fields=["bounty", "kind", "id"], name="submission_judged", condition=Q(accepted__isnull=False)),
    models.Index(
        fields=["bounty", "id"], name="submission_accepted", condition=Q(accepted=True) | Q(solo_accepted=True)
    ),
    models.Index(fields=["-finished"], name="submission_latest", condition=Q(accepted=True)),
    models.Index(fields=["bounty", "-id"], name="submission_newest"),
]


class Migration(migrations.Migration):
    # CREATE INDEX CONCURRENTLY keeps the site writing, and cannot run inside a transaction.
    atomic = False

    dependencies = [("bounty", "0007_submission_origin")]

    operations = [AddIndexConcurrently("submission", index) for index in INDEXES]
