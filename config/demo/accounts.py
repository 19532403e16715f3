"""The demo's people: accounts whose passwords are drawn once for a data folder and kept there."""

import json
import secrets
from datetime import timedelta
from pathlib import Path

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from ..models import ApiToken

FILE_NAME = "demo_accounts.json"
TOKEN_NAME = "demo"  # noqa: S105 -- a name


class ForeignAccount(Exception):
    """A user of a demo name that the demo did not make."""


def passwords(folder: Path, names: list[str]) -> dict[str, str]:
    """The password of each name: drawn at the first start, before any account is made."""
    path = folder / FILE_NAME
    if path.exists():
        return json.loads(path.read_text())
    if taken := get_user_model().objects.filter(username__in=names).first():
        raise ForeignAccount(taken.get_username())
    drawn = {name: secrets.token_urlsafe(9) for name in names}
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(drawn, indent=1))
    unfinished.replace(path)
    return drawn


def account(name: str, password: str, **flags: bool) -> AbstractBaseUser:
    """The user of that name, made when there is none."""
    with transaction.atomic():
        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            user = get_user_model().objects.create_user(name, f"{name}@example.org", password, **flags)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def token(user: AbstractBaseUser) -> str:
    """An API token for this run alone."""
    forget_token(user)
    return ApiToken.objects.create(user=user, name=TOKEN_NAME, expiry=timedelta(hours=1))[1]


def forget_token(user: AbstractBaseUser) -> None:
    ApiToken.objects.filter(user=user, name=TOKEN_NAME).delete()
