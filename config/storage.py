"""Where uploads and hidden parts lie."""

from django.core.files.storage import FileSystemStorage


class PrivateStorage(FileSystemStorage):
    """Files that only this code reads: there is no address to make a link from."""

    def url(self, name: str | None) -> str:
        raise ValueError("Private files have no address.")
