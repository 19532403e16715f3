"""Sign-in: who somebody is, found out at the same cost whether there is such a somebody or not."""

import re

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.validators import RegexValidator
from django.http import HttpRequest

from common.address import client_address

from . import mfa
from .models import ApiToken

# An address as a name could be somebody else's address, and would stand on leaderboards.
NAME_CHARACTERS = "A user name is made of letters, digits and the characters . + - _ alone."
username_validators = [RegexValidator(re.compile(r"\A[\w.+-]+\Z"), NAME_CHARACTERS)]


class Backend(AuthenticationBackend):
    """A user name or an address and one password: one hash is computed for it, known or not."""

    def _authenticate(self, request: HttpRequest | None, **credentials) -> AbstractBaseUser | None:
        name, email = credentials.get("username"), credentials.get("email")
        user = None
        # The sign-in form gives what was typed as both. Of a signed-in user both are known: the name counts.
        if email and name in (None, email):
            user = next(iter(filter_users_by_email(email, prefer_verified=True, for_login=True)), None)
        if user is None and name:
            user = get_user_by_username(name)
        return self._check_password(user, credentials["password"])

    def get_user(self, user_id: int) -> AbstractBaseUser | None:
        """The user of a session, with the beginning of their second factor."""
        user = get_user_model().objects.annotate(factor_since=mfa.SINCE).filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


class Adapter(DefaultAccountAdapter):
    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "unknown"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials) -> str:
        """What was typed, and nothing else of what the caller may choose, such as a Host with any port."""
        return (credentials.get("email") or credentials.get("username", "")).lower()

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict]:
        """Where there is a second factor, the password alone confirms nothing."""
        methods = super().get_reauthentication_methods(user)
        if user.is_authenticated and mfa.factor_since(user):
            return [method for method in methods if method["id"] != "reauthenticate"]
        return methods

    def send_account_already_exists_mail(self, email: str) -> None:
        # A new account costs a hash: without one here, the time would tell which addresses have an account.
        get_user_model()().set_password(email)
        super().send_account_already_exists_mail(email)

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Who changes a password may fear that somebody knows it: tokens made with it end as well."""
        super().set_password(user, password)
        ApiToken.objects.filter(user=user).delete()
