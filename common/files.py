"""Files in private storage: where they lie, and how a worker gets at them on its own disk."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import models
from django.db.models.fields.files import FieldFile


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
