"""Files in private storage: where they lie, how a worker gets at them, and how a reader does."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils.http import content_disposition_header

LINK_SECONDS = 60


def hidden_storage() -> Storage:
    """Where hidden rows lie: the web process puts files there and reads none."""
    return storages["hidden"]


def private_path(instance: models.Model, filename: str) -> str:
    """Where an upload lies: nothing of the name that came with it."""
    return f"{instance._meta.model_name}/{uuid.uuid4().hex}"


@contextmanager
def local_copy(stored: FieldFile, suffix: str = "") -> Iterator[Path]:
    """The stored file on local disk for as long as the block runs, whatever the storage."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as local, stored.open() as file:
        for chunk in file.chunks():
            local.write(chunk)
        local.flush()
        yield Path(local.name)


def link_to(stored: FieldFile, name: str, content_type: str) -> str | None:
    """A link for somebody who may have this file, to an attachment of this name: for a minute, and for nobody
    else to see. None where the storage has no address of its own; then the file goes through us.
    """
    if not getattr(stored.storage, "public_url", None):
        return None
    disposition = content_disposition_header(True, name)
    asked = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
    return stored.storage.url(stored.name, asked)
