from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User


def test_nobody_becomes_powerful_past_the_rules(db: None) -> None:
    with pytest.raises(CommandError, match=r"manage\.py init"):
        call_command("createsuperuser")
    assert not User.objects.exists()
