"""What both apps' intake shares: errors that are the author's to mend, and the database's clock."""

from datetime import datetime

from django.db import connection

FILE_TOO_BIG = "The file has {size:,} bytes; at most {cap:,} are taken."
FILE_EMPTY = "The file is empty."


class IntakeError(Exception):
    """The author's to mend: a code for programs, a sentence for people, the field it is about."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.field = code, detail, field


def db_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        return cursor.fetchone()[0]
