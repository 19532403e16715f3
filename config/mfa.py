"""The second factor: who needs one (MFA_REQUIRED), how it is asked for and how its secrets are kept."""

import base64
from datetime import datetime

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.core import context, ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import OuterRef, Subquery
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from .models import ApiToken

CODE = "mfa_required"
SET_UP = (
    "Organisers and staff sign in with a second factor here. Set one up: it takes a minute and an "
    "authenticator app on your phone."
)
API_SET_UP = (
    "Organisers and staff need a second factor here: set one up under “Second factor” in your account, "
    "then make a new token."
)
OLD_TOKEN = "This token is older than your second factor. Make a new one on the page “API tokens”."  # noqa: S105 -- a sentence
API_ENTER = "This session has not shown your second factor. Open any page of the site and enter your code."
TOO_MANY_CODES = "Too many wrong codes for this account today. Try again tomorrow, or ask the operator."


class Adapter(DefaultMFAAdapter):
    """Secrets lie encrypted in the database, so that a copy of it alone signs nobody in."""

    def encrypt(self, text: str) -> str:
        return ciphers().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return ciphers().decrypt(encrypted_text.encode()).decode()


def ciphers() -> MultiFernet:
    """Keys drawn from SECRET_KEY, and from those that went before it."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    drawn = (salted_hmac("faultline.mfa", "", secret=key, algorithm="sha256").digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in drawn])


# Entering a code


class Limited:
    """Six digits are few: beside the limit of minutes stands one of a day, for each account."""

    def clean_code(self) -> str:
        key = f"second-factor-{self.user.pk}"
        if not ratelimit.consume(context.request, action="second_factor", key=key):
            raise forms.forms.ValidationError(TOO_MANY_CODES)
        code = super().clean_code()
        ratelimit.clear(context.request, action="second_factor", key=key)
        return code


class SignInForm(Limited, forms.AuthenticateForm):
    pass


class AgainForm(Limited, forms.ReauthenticateForm):
    pass


@receiver(post_save, sender=Authenticator)
def begin(instance: Authenticator, created: bool, **_: object) -> None:
    """The code that switches it on is its first use. Tokens end: the password alone may have made them."""
    if not created or instance.type != Authenticator.Type.TOTP:
        return
    ApiToken.objects.filter(user=instance.user_id).delete()
    if context.request and context.request.user == instance.user:
        record_authentication(context.request, instance.user, "mfa", id=instance.pk, type=instance.type)


# Who needs it, and who has it

# Recovery codes alone are none.
FACTORS = Authenticator.objects.filter(type=Authenticator.Type.TOTP)
# Since when a user has it: config.accounts.Backend reads it with the user, as every page wants to know.
SINCE = Subquery(FACTORS.filter(user=OuterRef("pk")).values("created_at"))


def is_bound(user: AbstractBaseUser | AnonymousUser, *, becomes: bool = False) -> bool:
    """Whether this site wants a second factor of them: staff, and organisers of any bounty, also to be."""
    if not settings.MFA_REQUIRED or not user.is_authenticated:
        return False
    return becomes or user.is_staff or user.organised_bounties.exists()


def factor_since(user: AbstractBaseUser) -> datetime | None:
    return FACTORS.filter(user=user).values_list("created_at", flat=True).first()


def used_it(request: HttpRequest) -> bool:
    """Whether this session was opened with the second factor, or showed it since: not an earlier one."""
    since = request.user.factor_since.timestamp()
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "mfa" and record["at"] >= since for record in records)


def refusal_of_token(token: ApiToken) -> str:
    """Why a token does not do: one from before the second factor may be of somebody who had the password."""
    since = factor_since(token.user)
    if since:
        return OLD_TOKEN if token.created < since else ""
    return API_SET_UP if is_bound(token.user) else ""
