"""Fingerprints tell whether two secrets are the same, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from settings_store.actions import change_setting, clear_setting
from settings_store.crypto import Damaged
from settings_store.fingerprints import fingerprint, fingerprint_of, fingerprint_of_version
from settings_store.models import SealedVersion, Setting, SettingVersion
from settings_store.values import MASK
from tests.settings_store.conftest import SPARE_KEY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]


def change(value: str, environment: str = "production") -> Setting:
    return change_setting(actor=None, key="suite.secret", environment=environment, value=value)


def test_the_same_secret_has_the_same_one_and_another_another() -> None:
    assert fingerprint("a.b", "opensesame") == fingerprint("a.b", "opensesame")
    assert (
        len({fingerprint("a.b", "x"), fingerprint("a.b", "y"), fingerprint("a.c", "x"), fingerprint("a", ".bx")}) == 4
    )
    assert re.fullmatch("[0-9a-f]{8}", fingerprint("a.b", "x"))


def test_it_is_the_same_in_row_version_and_environment(settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = settings.DATABASE_ENCRYPTION_KEYS | {"staging": SPARE_KEY}
    rows = [change("opensesame"), change("opensesame", "staging")]
    versions = SettingVersion.objects.all()
    prints = {fingerprint_of(row) for row in rows} | {fingerprint_of_version(version) for version in versions}
    assert prints == {fingerprint("suite.secret", "opensesame")}


def test_a_row_without_a_value_has_none() -> None:
    change("opensesame")
    row = clear_setting(actor=None, key="suite.secret", environment="production")
    assert fingerprint_of(row) == ""


def test_the_history_shows_them_in_place_of_secrets(admin: Client, django_assert_max_num_queries: Any) -> None:
    for value in ("opensesame", "abracadabra", "opensesame"):
        change(value)
    with django_assert_max_num_queries(15):
        html = admin.get("/settings/suite.secret/").content.decode()
    first, second = (fingerprint("suite.secret", value) for value in ("opensesame", "abracadabra"))
    first, second = (f"{MASK} fingerprint {each}" for each in (first, second))
    assert f"<del>{first}</del><ins>{second}</ins>" in html
    assert f"<del>{second}</del><ins>{first}</ins>" in html
    assert f"<del>not set</del><ins>{first}</ins>" in html
    assert "opensesame" not in html


def test_a_version_that_does_not_open_is_said_and_leaves_the_page(viewer: Client, settings: Any) -> None:
    change("opensesame")
    change("abracadabra")
    one, two = SealedVersion.objects.order_by("pk")
    SealedVersion.objects.filter(pk=one.pk).update(sealed=bytes(two.sealed))
    with pytest.raises(Damaged):
        fingerprint_of_version(SettingVersion.objects.get(version=1))
    assert "<ins>damaged</ins>" in viewer.get("/settings/suite.secret/").content.decode()
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: SPARE_KEY}
    assert "<ins>sealed elsewhere</ins>" in viewer.get("/settings/suite.secret/").content.decode()
