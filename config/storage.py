"""Where uploads, results and hidden parts lie: two folders, or two buckets of an S3-compatible storage."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from django.core.files.storage import FileSystemStorage
from storages.backends.s3 import S3Storage

from common.files import LINK_SECONDS

NO_ADDRESS = "Private files have no address."
IN_MEMORY = 8_000_000


class PrivateStorage(FileSystemStorage):
    """Files that only this code reads: there is no address to make a link from."""

    def url(self, name: str | None) -> str:
        raise ValueError(NO_ADDRESS)


class Bucket(S3Storage):
    """A bucket. Every name is new, so nothing is asked before a write: whoever may only put may still save.

    `public_url` is where people reach it; without one nobody gets a link. What goes wrong is an OSError, as
    with a disk.
    """

    def get_default_settings(self) -> dict:
        return super().get_default_settings() | {
            "public_url": None,
            "default_acl": None,
            "file_overwrite": True,
            "max_memory_size": IN_MEMORY,
            "object_parameters": {
                "ContentType": "application/octet-stream",
                "ContentDisposition": "attachment",
            },
            # One part at a time, so that an upload holds 8 MB of memory however large it is.
            "transfer_config": TransferConfig(use_threads=False),
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=3,
                read_timeout=20,
                retries={"total_max_attempts": 2, "mode": "standard"},
                # Not every server of this kind knows the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        }

    def url(self, name: str, parameters: dict | None = None, **_: object) -> str:
        if not self.public_url:
            raise ValueError(NO_ADDRESS)
        client = self._create_session().client(
            "s3", region_name=self.region_name, endpoint_url=self.public_url, config=self.client_config
        )
        asked = {"Bucket": self.bucket_name, "Key": name, **(parameters or {})}
        return client.generate_presigned_url("get_object", asked, ExpiresIn=LINK_SECONDS)

    def _open(self, name: str, mode: str = "rb") -> File:
        with as_os_errors():
            file = super()._open(name, mode)
            # Fetched now, to memory or to a temporary file, rather than in the middle of a read.
            return file.open()

    def _save(self, name: str, content: File) -> str:
        with as_os_errors():
            return super()._save(name, content)

    def delete(self, name: str) -> None:
        with as_os_errors():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with as_os_errors():
            return super().exists(name)


@contextmanager
def as_os_errors() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"The storage did not do it: {error}") from error
