"""Make an API token for a user from the command line, where the page cannot be reached."""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from ...forms import TokenForm
from ...models import ApiToken

NO_USER = "There is no user “{name}”."


class Command(BaseCommand):
    help = "Print a new API token of a user, once: only its hash is kept."

    def add_arguments(self, parser) -> None:
        parser.add_argument("user", help="the user's name")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument("--days", default=90, help="how long it is valid")

    def handle(self, *args, user: str, name: str, days: str, **options) -> None:
        owner = get_user_model().objects.filter(username=user).first()
        if owner is None:
            raise CommandError(NO_USER.format(name=user))
        form = TokenForm({"name": name, "days": days})
        if not form.is_valid():
            field, errors = next(iter(form.errors.items()))
            raise CommandError(f"--{field}: {errors[0]}")
        values = form.cleaned_data
        _, token = ApiToken.objects.create(owner, expiry=timedelta(days=values["days"]), name=values["name"])
        self.stdout.write(token)
