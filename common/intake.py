"""What both apps' intake shares: errors that are the author's to mend, and the database's clock."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import connection

from fairness.columns import is_hidden

FILE_TOO_BIG = "The file has {size:,} bytes; at most {cap:,} are taken."
FILE_EMPTY = "The file is empty."
HIDDEN_CHARACTERS = (
    "There are characters in it that cannot be seen or that turn the text around them. Type it again."
)


class IntakeError(Exception):
    """The author's to mend: a code for programs, a sentence for people, the field it is about."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.field = code, detail, field


def refuse_hidden(values: Mapping[str, object], names: Iterable[str]) -> None:
    """Names stand beside other people's text, which nothing in them may turn round."""
    for name in names:
        if any(map(is_hidden, str(values.get(name, "")))):
            raise IntakeError("hidden_characters", HIDDEN_CHARACTERS, name)


def db_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        return cursor.fetchone()[0]
