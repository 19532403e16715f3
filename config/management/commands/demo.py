"""Load the demo, let its participants submit, and print how it ended."""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from bounty.intake import IntakeError

from ...demo.accounts import ForeignAccount
from ...demo.client import ApiError
from ...demo.screen import Screen
from ...demo.story import play
from ...demo.waiting import DemoError

DEBUG_OFF = "The demo makes accounts whose passwords it prints: it runs only with DEBUG=1."
NOT_LOOPBACK = "The demo talks only to a site on this machine, such as http://127.0.0.1:8000, not to {url}."
NOT_RUNNING = "The site is not running here: start it with `make demo`."
FOREIGN = "There is an account “{name}” that the demo did not make: set FAULTLINE_DATA to another folder."


def is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return False
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


class Command(BaseCommand):
    help = "Fill the running site with four bounties, ten participants and their submissions, and two audits."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--url", default=settings.SITE_URL, help="where the site runs, on this machine")
        parser.add_argument(
            "--once", action="store_true", help="fail unless every submission ended as it should"
        )

    def handle(self, *args, url: str, once: bool, **options) -> None:
        url = url.rstrip("/")
        if not settings.DEBUG:
            raise CommandError(DEBUG_OFF)
        if not is_loopback(url):
            raise CommandError(NOT_LOOPBACK.format(url=url))
        try:
            surprises = play(url, settings.FAULTLINE_DATA, Screen(self.stdout))
        except ForeignAccount as error:
            raise CommandError(FOREIGN.format(name=error)) from error
        except OperationalError as error:
            raise CommandError(NOT_RUNNING) from error
        except (ApiError, DemoError, IntakeError) as error:
            raise CommandError(str(error)) from error
        if once and surprises:
            raise CommandError("Not as it should be:\n" + "\n".join(surprises))
