"""What the site forgets by itself."""

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from .models import ApiToken


@shared_task
def forget() -> None:
    """Sessions and tokens that no longer sign anybody in."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    ApiToken.objects.filter(expiry__lt=now).delete()
