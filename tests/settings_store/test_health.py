"""What this floor tells /readyz."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from settings_store import audit, health
from settings_store.models import AuditHead
from settings_store.triggers import create_triggers, drop_triggers


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
def test_a_trail_without_its_end_is_noticed() -> None:
    audit.record("a.b", actor=None)
    drop_triggers(connection)
    AuditHead.objects.update(hash="0" * 64)
    assert "audit_verify" in health.trail_trouble()
    AuditHead.objects.all().delete()
    assert "missing" in health.trail_trouble()
    create_triggers(connection)
