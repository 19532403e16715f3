"""The one door for audits: pages, API and command line call the same functions here.

Everything is checked before anything is saved; a wake-up for the worker is sent after the commit.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from common.intake import FILE_EMPTY, FILE_TOO_BIG, IntakeError, db_now, refuse_hidden
from common.jobs import UNFINISHED, Status
from fairness.columns import TableError, shown
from fairness.look import look

from . import rules, store, tasks
from .models import ROLES_MISSING, Audit, Visibility

UNFINISHED_PER_USER = 3
DRAFTS_PER_USER = 20
DETAILS = ("title", "description", "system", "series", "release")
OF_ONE_LINE = ("title", "release")
OF_A_FILE = ("file", "file_name", "file_bytes", "file_sha256", "look")
OF_A_RESULT = ("result", "card", "cells", "cells_sha256", "rows", "rows_sha256", "result_bytes")
OF_A_RUN = (
    "started",
    "finished",
    "tries",
    "lease",
    "leased_until",
    "error",
    "error_detail",
    "log",
    "stage",
    "progress",
)

SAY_ROLES = "Say what the columns are; then the audit is computed."
THREE_WAITING = "You have {cap} unfinished audits. Wait for one to finish, then start the next."
TOO_MANY_DRAFTS = "You have {cap} drafts of audits, which is the cap. Finish or delete one first."
STORAGE_FULL = (
    "Your audits hold {used:,} bytes, and this file has {size:,}: together more than the {cap:,} that an "
    "account may store. Delete an audit that you no longer need."
)
KEY_REUSED = "This Idempotency-Key was used for a different audit. Send a new key."
NO_VISIBILITY = "There is no visibility {value}. Choose one of: {known}."
NO_USER = "There is no user {name}."
OWN_VIEWER = "This audit is yours: you see all of it already."
GONE = "This audit has been deleted."


# Making one


def create_audit(
    user: AbstractBaseUser,
    *,
    kind: str,
    file: UploadedFile,
    visibility: str = Visibility.PRIVATE,
    roles: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    idempotency_key: str = "",
    **details: str,
) -> tuple[Audit, bool]:
    """A draft with proposed roles; with `roles` it is queued at once. Returns it and whether it is new.

    The same idempotency key again gives the first one back. details: title, and others of DETAILS. Raises
    ValidationError for details that no audit may have, by field.
    """
    refuse_hidden(details, OF_ONE_LINE)
    audit = Audit(
        owner=user, kind=rules.kind_of(kind).key, visibility=checked_visibility(visibility), **details
    )
    audit.clean_fields(exclude=[f.name for f in Audit._meta.fields if f.name not in DETAILS])
    take_file(audit, file)
    if roles is None:
        audit.roles = audit.get_kind().propose(audit.column_names)
    else:
        take_settings(audit, roles, values or {})
    audit.idempotency_key = idempotency_key
    audit.request_sha256 = digest_of(audit) if idempotency_key else ""
    with transaction.atomic():
        lock(user)
        if idempotency_key:
            earlier = Audit.objects.filter(owner=user, idempotency_key=idempotency_key).first()
            if earlier and earlier.request_sha256 != audit.request_sha256:
                raise IntakeError("idempotency_key_reused", KEY_REUSED)
            if earlier:
                return earlier, False
        refuse_full(audit)
        set_state(audit, queued=roles is not None)
        audit.save()
    return audit, True


def take_file(audit: Audit, file: UploadedFile) -> None:
    """Look at a file and put it on the audit, unsaved."""
    if file.size == 0:
        raise IntakeError("file_empty", FILE_EMPTY, "file")
    if file.size > settings.AUDIT_MAX_BYTES:
        sentence = FILE_TOO_BIG.format(size=file.size, cap=settings.AUDIT_MAX_BYTES)
        raise IntakeError("file_too_big", sentence, "file")
    try:
        audit.look = look(file, file.size)
    except TableError as error:
        raise IntakeError("bad_table", str(error), "file") from error
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    audit.file, audit.file_name = file, file.name[-200:]
    audit.file_bytes, audit.file_sha256 = file.size, digest.hexdigest()


def take_settings(audit: Audit, roles: Mapping[str, str], values: Mapping[str, Any]) -> None:
    kind = audit.get_kind()
    checked = rules.checked_roles(kind, audit.column_names, roles)
    audit.settings = rules.checked_settings(kind, audit.column_names, checked, values)
    audit.roles = dict(checked.of)


def digest_of(audit: Audit) -> str:
    names = ("kind", "visibility", *DETAILS, "roles", "settings", "file_name", "file_sha256")
    sent = {name: getattr(audit, name) for name in names}
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()


def lock(user: AbstractBaseUser) -> None:
    """Quotas hold under concurrent requests."""
    get_user_model().objects.select_for_update().get(pk=user.pk)


def refuse_full(audit: Audit) -> None:
    used = Audit.objects.filter(owner=audit.owner_id).exclude(pk=audit.pk).stored_bytes()
    cap = settings.AUDIT_BYTES_PER_USER
    if used + audit.file_bytes > cap:
        sentence = STORAGE_FULL.format(used=used, size=audit.file_bytes, cap=cap)
        raise IntakeError("storage_full", sentence, "file")


def set_state(audit: Audit, *, queued: bool) -> None:
    """Make an audit wait for a worker or for its roles: a lease that it had ends, and its result goes."""
    others = Audit.objects.filter(owner=audit.owner_id).exclude(pk=audit.pk)
    if queued and others.filter(status__in=UNFINISHED).count() >= UNFINISHED_PER_USER:
        raise IntakeError("too_many_unfinished", THREE_WAITING.format(cap=UNFINISHED_PER_USER))
    if not queued and others.filter(error=ROLES_MISSING).count() >= DRAFTS_PER_USER:
        raise IntakeError("too_many_drafts", TOO_MANY_DRAFTS.format(cap=DRAFTS_PER_USER))
    discard_later(audit.cells.name, audit.rows.name)
    for name in (*OF_A_RESULT, *OF_A_RUN):
        setattr(audit, name, Audit._meta.get_field(name).get_default())
    if queued:
        audit.status = Status.QUEUED
        transaction.on_commit(tasks.work.delay, robust=True)
    else:
        audit.status, audit.finished = Status.REJECTED, db_now()
        audit.error, audit.error_detail = ROLES_MISSING, SAY_ROLES


def discard_later(*names: str) -> None:
    if any(names):
        transaction.on_commit(partial(store.discard, *names), robust=True)


# Changing one


def locked(audit: Audit) -> Audit:
    found = Audit.objects.select_for_update().filter(pk=audit.pk).first()
    if found is None:
        raise IntakeError("not_found", GONE)
    return found


def confirm(audit: Audit, roles: Mapping[str, str], values: Mapping[str, Any]) -> Audit:
    """Compute an audit with these roles and settings; a worker still busy with it writes nothing."""
    with transaction.atomic():
        lock(audit.owner)
        audit = locked(audit)
        take_settings(audit, roles, values)
        set_state(audit, queued=True)
        audit.save()
    return audit


def replace_file(audit: Audit, file: UploadedFile) -> Audit:
    """Another file in place of the one before. Columns of the same name keep their roles, to be confirmed."""
    fresh = Audit()
    take_file(fresh, file)
    with transaction.atomic():
        lock(audit.owner)
        audit = locked(audit)
        discard_later(audit.file.name)
        for name in OF_A_FILE:
            setattr(audit, name, getattr(fresh, name))
        refuse_full(audit)
        kept = {column: role for column, role in audit.roles.items() if column in audit.column_names}
        audit.roles = kept or audit.get_kind().propose(audit.column_names)
        set_state(audit, queued=False)
        audit.save()
    return audit


def set_details(audit: Audit, **details: str) -> Audit:
    """Change what an audit says of itself, or who may see it; nothing is computed.

    details: of DETAILS, and visibility. Raises ValidationError by field.
    """
    checked_visibility(details.get("visibility", audit.visibility))
    refuse_hidden(details, OF_ONE_LINE)
    with transaction.atomic():
        audit = locked(audit)
        for name, value in details.items():
            setattr(audit, name, value)
        audit.clean_fields(exclude=[f.name for f in Audit._meta.fields if f.name not in details])
        audit.save(update_fields=list(details))
    return audit


def checked_visibility(value: str) -> str:
    if value not in Visibility.values:
        known = ", ".join(Visibility.values)
        raise IntakeError(
            "no_such_visibility", NO_VISIBILITY.format(value=shown(value), known=known), "visibility"
        )
    return value


def set_visibility(audit: Audit, visibility: str) -> Audit:
    return set_details(audit, visibility=visibility)


def add_viewer(audit: Audit, user_name: str) -> AbstractBaseUser:
    """Let somebody read all of an audit, whatever its visibility."""
    known = get_user_model().objects.filter(is_active=True)
    user = None if rules.UNHELD.search(user_name) else known.filter(username=user_name).first()
    if user is None:
        raise IntakeError("no_such_user", NO_USER.format(name=shown(user_name)), "user_name")
    if user.pk == audit.owner_id:
        raise IntakeError("own_audit", OWN_VIEWER, "user_name")
    audit.viewers.add(user)
    return user


def remove_viewer(audit: Audit, user_name: str) -> None:
    if not rules.UNHELD.search(user_name):
        audit.viewers.remove(*audit.viewers.filter(username=user_name))


def delete_audit(audit: Audit) -> None:
    """Delete an audit with its files; a worker still busy with it leaves nothing behind."""
    with transaction.atomic():
        audit = locked(audit)
        discard_later(audit.file.name, audit.cells.name, audit.rows.name)
        audit.delete()
