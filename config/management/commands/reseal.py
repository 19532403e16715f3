"""Seal the secrets of second factors with today's SECRET_KEY, so that earlier keys can be let go."""

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand
from django.db import transaction

from ...mfa import Adapter

SEALED = ("secret", "seed")


class Command(BaseCommand):
    help = "After a change of SECRET_KEY, while the old one stands in SECRET_KEY_FALLBACKS."

    @transaction.atomic
    def handle(self, *args, **options) -> None:
        adapter, count = Adapter(), 0
        for factor in Authenticator.objects.select_for_update():
            sealed = {name: factor.data[name] for name in SEALED if name in factor.data}
            factor.data |= {name: adapter.encrypt(adapter.decrypt(value)) for name, value in sealed.items()}
            factor.save(update_fields=["data"])
            count += 1
        self.stdout.write(f"{count} sealed anew.")
