"""How much a page takes: a body that is too large is refused before a byte of it is read."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

AUDITS = ("audits", "audits_api")
TOO_BIG = "The request's body is larger than what is taken."


class CappedUpload(FileUploadHandler):
    """A table and a model, or an audit's file, for those who are signed in; strangers upload nothing."""

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None) -> None:
        if content_length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE + self.files_cap():
            raise RequestDataTooBig(TOO_BIG)

    def files_cap(self) -> int:
        if self.request is None or not self.request.user.is_authenticated:
            return 0
        if self.request.resolver_match.app_name in AUDITS:
            return settings.AUDIT_MAX_BYTES
        return settings.TABLE_MAX_BYTES + settings.MODEL_MAX_BYTES

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
