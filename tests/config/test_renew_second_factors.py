"""A secret key goes out of use and nobody loses a second factor."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import InvalidToken
from django.core.management import CommandError, call_command

from config.mfa import Adapter

SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def factors(cast, settings):
    settings.SECRET_KEY = "the first key " * 4
    TOTP.activate(cast.owner, SECRET)
    return RecoveryCodes.activate(cast.owner).get_unused_codes()


def test_after_it_the_earlier_key_can_go(factors, cast, settings, capsys):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the second key " * 4
    call_command("renew_second_factors")
    assert "2 second factors" in capsys.readouterr().out
    settings.SECRET_KEY_FALLBACKS = []
    stored = Authenticator.objects.get(user=cast.owner, type=Authenticator.Type.TOTP).data["secret"]
    assert Adapter().decrypt(stored) == SECRET
    codes = Authenticator.objects.get(user=cast.owner, type=Authenticator.Type.RECOVERY_CODES)
    assert RecoveryCodes(codes).get_unused_codes() == factors


def test_one_whose_key_is_lost_is_told_and_left(factors, cast, settings):
    before = list(Authenticator.objects.order_by("pk").values_list("data", flat=True))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key " * 4, []
    with pytest.raises(CommandError, match=r"2 second factors .* set them up again"):
        call_command("renew_second_factors")
    assert list(Authenticator.objects.order_by("pk").values_list("data", flat=True)) == before
    with pytest.raises(InvalidToken):
        Adapter().decrypt(before[0]["secret"])
