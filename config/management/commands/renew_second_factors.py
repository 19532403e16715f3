"""Encrypt the secrets of second factors with the present secret key, so that an earlier one can go."""

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from ...mfa import ciphers

SECRETS = ("secret", "seed")  # of an authenticator app, and of recovery codes
RENEWED = "{count} second factors are encrypted with the present secret key."
UNREADABLE = (
    "{count} second factors were encrypted with a key that is neither SECRET_KEY nor in "
    "SECRET_KEY_FALLBACKS. Put it there, or have their owners set them up again."
)


class Command(BaseCommand):
    help = "Encrypt second factors with SECRET_KEY, after which SECRET_KEY_FALLBACKS may be emptied."

    def handle(self, *args, **options) -> None:
        renewed = unreadable = 0
        for key in list(Authenticator.objects.values_list("pk", flat=True)):
            try:
                renewed += renew(key)
            except InvalidToken:
                unreadable += 1
        self.stdout.write(RENEWED.format(count=renewed))
        if unreadable:
            raise CommandError(UNREADABLE.format(count=unreadable))


@transaction.atomic
def renew(key: int) -> bool:
    """Under its lock, since a code that is used is written down beside the secret."""
    found = Authenticator.objects.select_for_update().filter(pk=key).first()
    if found is None:
        return False
    secrets = {name: found.data[name] for name in SECRETS if name in found.data}
    found.data |= {name: ciphers().rotate(secret.encode()).decode() for name, secret in secrets.items()}
    found.save(update_fields=["data"])
    return bool(secrets)
