"""An organiser's bounty from its table to its close: the other door, with the same kind of refusals.

Everything is checked before anything is saved; a wake-up for the worker is sent after the commit.
"""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models.functions import Now

from common.intake import FILE_EMPTY, FILE_TOO_BIG, IntakeError, db_now, refuse_hidden
from fairness.tables import TableError

from . import tasks
from .intake import NOT_PREPARED
from .models import LEAST_CLUSTERS, UNFINISHED, Bounty, Status, TableUpload
from .parts import HIDDEN, OPEN, discard_files, stored_files
from .preview import preview as preview_of

DRAFTS_PER_USER = 20
RESERVED_SLUGS = {"new"}
TEXT_SETTINGS = {"summary", "description", "licence", "source"}
OF_ONE_LINE = ("title", "summary", "licence")
DATA_SETTINGS = {
    "measure",
    "label_column",
    "prediction_column",
    "favourable_label",
    "normaliser",
    "cluster_column",
    "weight_column",
    "visible_columns",
    "group_columns",
    "sample_share",
    "leaderboard_share",
}
PREPARED = ("schema", "labels", "loss_facts", "normaliser_version", "parts", "base_model", "random_state")

ALREADY_OPEN = (
    "This bounty has been opened, so its data and rules are frozen. Make a new bounty for new data."
)
CLOSES_IN_PAST = "The closing date has passed. Choose a later one."
TOO_FEW_ROWS = (
    "No find could be proven: {rows} rows of the leaderboard half count for this measure, and a group and "
    "everyone else need {least} each. Upload more rows, give that half a larger share, or lower the minimum."
)
TABLE_MISSING = "Attach the table: a CSV or Parquet file."
TOO_FEW_CLUSTERS = (
    "No find could be proven: the leaderboard half holds rows of {found} {clusters} (column “{column}”), and "
    "a group and everyone else need {least} each. Upload rows of more {clusters}, or give that half a larger "
    "share."
)
ROLES_MISSING = (
    "Say which columns hold the label and the prediction, or for speech the reference and the hypothesis; "
    "then the data is prepared."
)
SLUG_RESERVED = "The address “{slug}” is taken by the site. Choose another."
TOO_MANY_DRAFTS = "You have {cap} drafts, which is the cap. Open or delete one first."


def create_bounty(
    user: AbstractBaseUser, values: dict, table: UploadedFile, model_file: UploadedFile | None = None
) -> Bounty:
    """A draft with its table. Columns may be named now or later; with them the table is queued at once.

    Raises ValidationError for values that no bounty may have, by field.
    """
    refuse_hidden(values, OF_ONE_LINE)
    bounty = Bounty(**values)
    refuse_reserved(bounty)
    bounty.full_clean(exclude=() if has_roles(bounty) else ("label_column", "prediction_column"))
    preview = previewed(table, model_file)
    with transaction.atomic():
        get_user_model().objects.select_for_update().get(pk=user.pk)
        if Bounty.objects.filter(organisers=user.pk, opened_at=None).count() >= DRAFTS_PER_USER:
            raise IntakeError("too_many_drafts", TOO_MANY_DRAFTS.format(cap=DRAFTS_PER_USER))
        bounty.save()
        bounty.organisers.add(user)
        add_upload(bounty, table=table, table_name=table.name, model_file=model_file or "", preview=preview)
    return bounty


def save_settings(bounty: Bounty, values: dict) -> Bounty:
    """Change a draft, or the texts of an opened bounty. What concerns the data prepares it again."""
    refuse_hidden(values, OF_ONE_LINE)
    with transaction.atomic():
        bounty = Bounty.objects.select_for_update().get(pk=bounty.pk)
        changed = {name for name, value in values.items() if getattr(bounty, name) != value}
        if changed - TEXT_SETTINGS:
            refuse_opened(bounty)
        for name in changed:
            setattr(bounty, name, values[name])
        refuse_reserved(bounty)
        bounty.save(update_fields=changed)
        upload = bounty.uploads.last()
        stopped = upload is not None and upload.status in (Status.REJECTED, Status.FAILED)
        if upload is not None and bounty.opened_at is None and (stopped or changed & DATA_SETTINGS):
            queue_upload(bounty, upload)
    return bounty


def upload_table(
    bounty: Bounty,
    table: UploadedFile | None = None,
    model_file: UploadedFile | None = None,
    *,
    keep_model: bool = False,
) -> TableUpload:
    """A new table, a new model or both, in place of the ones before. Without a table the last one stays."""
    preview = previewed(table, model_file)
    with transaction.atomic():
        bounty = Bounty.objects.select_for_update().get(pk=bounty.pk)
        refuse_opened(bounty)
        earlier = bounty.uploads.last()
        if table is None and earlier is None:
            raise IntakeError("table_missing", TABLE_MISSING, "table")
        if table is None:
            files = {
                "table": earlier.table.name,
                "table_name": earlier.table_name,
                "preview": earlier.preview,
            }
        else:
            files = {"table": table, "table_name": table.name, "preview": preview}
        if model_file is None and keep_model and earlier is not None:
            model_file = earlier.model_file.name
        return add_upload(bounty, **files, model_file=model_file or "")


def previewed(table: UploadedFile | None, model_file: UploadedFile | None) -> dict:
    """The table's preview, once both files are of a size that is taken."""
    for file, cap, field in (
        (table, settings.TABLE_MAX_BYTES, "table"),
        (model_file, settings.MODEL_MAX_BYTES, "model_file"),
    ):
        if file is not None and file.size == 0:
            raise IntakeError("file_empty", FILE_EMPTY, field)
        if file is not None and file.size > cap:
            raise IntakeError("file_too_big", FILE_TOO_BIG.format(size=file.size, cap=cap), field)
    try:
        return {} if table is None else preview_of(table)
    except TableError as error:
        raise IntakeError("bad_table", str(error), "table") from error


def has_roles(bounty: Bounty) -> bool:
    return bool(bounty.label_column and bounty.prediction_column)


def add_upload(bounty: Bounty, *, table_name: str, **fields) -> TableUpload:
    """Save an upload in place of the ones before; a worker still busy with one of them writes nothing."""
    before = uploaded_files(bounty)
    upload = TableUpload.objects.create(bounty=bounty, table_name=table_name[-200:], **fields)
    bounty.uploads.exclude(pk=upload.pk).delete()
    discard_files(before - uploaded_files(bounty))
    queue_upload(bounty, upload)
    return upload


def queue_upload(bounty: Bounty, upload: TableUpload) -> None:
    """Prepare the data afresh. A lease the upload had ends here.

    What was prepared before goes at once: prepared data never differs from the settings.
    """
    if bounty.is_prepared:
        discard_files(stored_files(bounty.parts))
        for name in PREPARED:
            setattr(bounty, name, Bounty._meta.get_field(name).get_default())
        bounty.save(update_fields=PREPARED)
    upload.status, upload.error, upload.error_detail, upload.finished = Status.QUEUED, "", "", None
    if has_roles(bounty):
        transaction.on_commit(tasks.work.delay, robust=True)
    else:
        upload.status, upload.finished = Status.REJECTED, db_now()
        upload.error, upload.error_detail = "roles_missing", ROLES_MISSING
    upload.lease, upload.leased_until, upload.started, upload.tries, upload.log = None, None, None, 0, ""
    upload.save()


def uploaded_files(bounty: Bounty) -> set[tuple[str, str]]:
    """Storage and path of every file that was uploaded for a bounty."""
    uploads = bounty.uploads.all()
    return {(HIDDEN, one.table.name) for one in uploads} | {(OPEN, one.model_file.name) for one in uploads}


def refuse_opened(bounty: Bounty) -> None:
    if bounty.opened_at is not None:
        raise IntakeError("bounty_opened", ALREADY_OPEN)


def refuse_reserved(bounty: Bounty) -> None:
    if bounty.slug in RESERVED_SLUGS:
        raise IntakeError("slug_reserved", SLUG_RESERVED.format(slug=bounty.slug), "slug")


def open_bounty(bounty: Bounty) -> None:
    """Freeze data and rules and let people in (from the opening date, where there is one).

    The raw table goes: from here on only the prepared parts exist.
    """
    with transaction.atomic():
        bounty = Bounty.objects.select_for_update().get(pk=bounty.pk)
        refuse_opened(bounty)
        waiting = bounty.uploads.filter(status__in=UNFINISHED).exists()
        if not bounty.is_prepared or waiting:
            raise IntakeError("not_prepared", NOT_PREPARED)
        refuse_too_little(bounty)
        if bounty.closes_at and bounty.closes_at <= db_now():
            raise IntakeError("closes_in_past", CLOSES_IN_PAST, "closes_at")
        Bounty.objects.filter(pk=bounty.pk).update(opened_at=Now())
        discard_files((HIDDEN, upload.table.name) for upload in bounty.uploads.all())
        bounty.uploads.update(table="", preview={})


def refuse_too_little(bounty: Bounty) -> None:
    """Whether any group at all could be proven on the leaderboard half."""
    half = bounty.parts["leaderboard"]
    counted = half["rows"] - half["uncounted"]
    if counted < 2 * bounty.min_rows:
        raise IntakeError("too_few_rows", TOO_FEW_ROWS.format(rows=counted, least=bounty.min_rows))
    if not bounty.cluster_column:
        return
    found = half["clusters"]
    if found < LEAST_CLUSTERS:
        words = {"clusters": bounty.clusters_named, "column": bounty.cluster_column, "least": LEAST_CLUSTERS}
        raise IntakeError("too_few_clusters", TOO_FEW_CLUSTERS.format(found=found, **words))


def too_few_speakers(bounty: Bounty) -> int | None:
    """How many speakers the leaderboard half has, where they are too few for a group of them and the rest."""
    if not (bounty.is_speech and bounty.cluster_column and bounty.is_prepared):
        return None
    speakers = bounty.parts["leaderboard"]["clusters"]
    return speakers if speakers < 2 * LEAST_CLUSTERS else None


def close_bounty(bounty: Bounty) -> None:
    """No more submissions; those that are in are still judged."""
    Bounty.objects.filter(opened_at__isnull=False, pk=bounty.pk, closed_at__isnull=True).update(
        closed_at=Now()
    )


def delete_draft(bounty: Bounty) -> None:
    """Delete a bounty that was never opened, with its files."""
    with transaction.atomic():
        bounty = Bounty.objects.select_for_update().get(pk=bounty.pk)
        refuse_opened(bounty)
        discard_files(uploaded_files(bounty))
        discard_files(stored_files(bounty.parts))
        bounty.delete()
