"""What this floor tells /readyz."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

from settings_store import audit, health, sealed
from settings_store.actions import change_setting
from settings_store.models import AuditHead, SealedVersion
from settings_store.triggers import create_triggers, drop_triggers
from tests.settings_store.conftest import SPARE_KEY


@pytest.mark.django_db
def test_all_is_well_on_a_sound_installation() -> None:
    assert (health.key_trouble(), health.trail_trouble()) == ("", "")
    audit.record("a.b", actor=None)
    assert health.trail_trouble() == ""


def test_a_key_that_cannot_be_read_is_named_by_its_variable(settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: "short"}
    assert "DATABASE_ENCRYPTION_KEY" in health.key_trouble()
    settings.DATABASE_ENCRYPTION_KEYS = {}
    assert "DATABASE_ENCRYPTION_KEY" in health.key_trouble()


@pytest.mark.django_db
@pytest.mark.schema
def test_a_trail_without_its_end_is_noticed() -> None:
    with transaction.atomic():
        audit.record("a.b", actor=None)
    drop_triggers(connection)
    AuditHead.objects.update(hash="0" * 64)
    assert "audit_verify" in health.trail_trouble()
    AuditHead.objects.all().delete()
    assert "missing" in health.trail_trouble()
    create_triggers(connection)


@pytest.mark.django_db
@pytest.mark.usefixtures("every_type")
def test_values_that_do_not_open_are_named_and_why(settings: Any) -> None:
    for value in ("opensesame", "abracadabra"):
        change_setting(actor=None, key="suite.secret", environment="production", value=value)
    assert health.sealed_trouble() == ""
    one, two = SealedVersion.objects.order_by("pk")
    SealedVersion.objects.filter(pk=two.pk).update(sealed=bytes(one.sealed))
    assert health.sealed_trouble() == (
        "sealed value of a version suite.secret (production) v2 does not open: "
        "The sealed value was changed, or belongs to another place. Give the secret anew."
    )
    settings.DATABASE_ENCRYPTION_KEYS = {"production": SPARE_KEY}
    assert "a key that is not in DATABASE_ENCRYPTION_KEY" in health.sealed_trouble()
    assert health.sealed_trouble().endswith("Put its key back as an older one, or give the secret anew.")
    # Of an environment whose keys are elsewhere there is nothing to say.
    settings.DATABASE_ENCRYPTION_KEYS = {}
    assert health.sealed_trouble() == ""


@pytest.mark.django_db
@pytest.mark.usefixtures("every_type")
def test_many_values_that_do_not_open_are_counted_and_looked_for_in_few_queries(
    settings: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        change_setting(actor=None, key="suite.secret", environment="production", value=f"secret {number}")
    SealedVersion.objects.update(sealed=b"\x01nonsense")
    with django_assert_max_num_queries(len(sealed.columns()) + 1):
        assert "So it is with 3 more." in health.sealed_trouble()
