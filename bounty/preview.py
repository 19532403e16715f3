"""The first look at an organiser's table; the worker reads the whole of it."""

from django.core.files import File

from fairness.look import HEAD_BYTES, column_names, look

__all__ = ["HEAD_BYTES", "column_names", "preview"]


def preview(file: File) -> dict:
    """What `fairness.look.look` says of the file. Raises TableError when the head is already wrong."""
    return look(file, file.size)
