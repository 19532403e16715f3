"""How much a page takes: a body too large, or one too many, is refused before a byte of it is read."""

import threading

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler
from django.core.signals import request_finished
from django.dispatch import receiver

TOO_BIG = "The request's body is larger than what is taken."
# The addresses that take files, and the settings that say how large ones: they lie on the disk before a page
# asks who sent them.
TABLES, MODELS = ("TABLE_MAX_BYTES", "MODEL_MAX_BYTES"), ("MODEL_MAX_BYTES", "MODEL_MAX_BYTES")
TAKEN = {
    **dict.fromkeys(("audits:new", "audits:setup", "audits_api:audit-list"), ("AUDIT_MAX_BYTES",)),
    **dict.fromkeys(("bounty:new", "bounty:upload", "admin:bounty_tableupload_add"), TABLES),
    **dict.fromkeys(("bounty:submit", "bounty:check_group"), MODELS),
    **dict.fromkeys(("api:bounty-submissions", "api:bounty-check"), MODELS),
}
# A file that comes slowly holds a thread of its process (config.gunicorn): some stay free for pages,
# and nobody has all the others. Whose file each thread is reading:
AT_ONCE, OF_ONE = 5, 2
READING: dict[int, int] = {}
COUNTING = threading.Lock()


class TooMany(OSError):
    """As with all that is away for a moment, the answer is 503: the same again is taken a little later."""


class CappedUpload(FileUploadHandler):
    """Files where an address takes them, for those who are signed in; strangers upload nothing."""

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None) -> None:
        if content_length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE + self.files_cap():
            raise RequestDataTooBig(TOO_BIG)
        if content_length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            begin(self.request.user.pk)

    def files_cap(self) -> int:
        if self.request is None or not self.request.user.is_authenticated:
            return 0
        return sum(getattr(settings, name) for name in TAKEN.get(self.request.resolver_match.view_name, ()))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def begin(user: int) -> None:
    with COUNTING:
        if len(READING) >= AT_ONCE or list(READING.values()).count(user) >= OF_ONE:
            raise TooMany("too many files are being sent")
        READING[threading.get_ident()] = user


@receiver(request_finished)
def end(**_: object) -> None:
    READING.pop(threading.get_ident(), None)
