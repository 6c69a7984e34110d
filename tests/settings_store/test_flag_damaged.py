"""Rules that are no such document, written past the pages: they are passed over, and every page still answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from settings_store import store
from settings_store.flag.rules import OFF
from settings_store.flags import flag_enabled
from settings_store.models import Flag, Proposal, Setting, SettingVersion

pytestmark = pytest.mark.django_db

# Half a character; PostgreSQL keeps none.
HALF = "\ud800" if connection.vendor == "sqlite" else "half"
PAGES = (
    "/flags/",
    "/flags/?q=style",
    "/flags/style/",
    "/flags/style/?environment=default",
    "/flags/style/row/?environment=production",
    "/flags/style/events/",
    "/flags/style/describe/",
    "/flags/proposals/",
    "/flags/proposals/?tab=done",
    "/flags/rollback/",
    "/flags/rollback/preview/?kind=moment&environment=production&moment=2020-01-01T00:00",
    "/flags/rollback/preview/?kind=version&key=style&environment=production&version=2",
    "/audit/",
    "/",
)


def variant(value: Any, name: str = "one") -> dict[str, Any]:
    return {"name": name, "value": value, "weight": 10_000}


def nested(depth: int) -> Any:
    return json.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize(
    "document",
    [
        OFF | {"on": True, "until": "9999-12-31T23:59:59Z"},
        OFF | {"on": True, "from": "0001-01-01T00:00:00Z"},
        OFF | {"variants": [variant(2**60)]},
        OFF | {"variants": [variant(nested(25))]},
        OFF | {"variants": [variant(HALF, f"a{HALF}"), variant(1)]},
        OFF | {"variants": "many", "people": {"3": 3}, "needs": [7]},
        OFF | {"share": 10**30, "people": [10**30], "roles": [10**30]},
        {"onn": True},
        ["on"],
        "on",
    ],
)
def test_every_page_answers(document: Any, admin: Client, make_flag: Callable[..., Flag]) -> None:
    make_flag("style", "json", environment="default", on=True, variants=[variant(1)])
    make_flag("style", on=True, variants=[variant({"size": 2})])
    row = Setting.objects.get(key="flag:style", environment="production")
    Setting.objects.filter(pk=row.pk).update(value=document, version=2)
    SettingVersion.objects.create(setting=row, version=2, value=document, at=timezone.now(), actor_name="shell")
    proposal = Proposal.objects.create(
        key="flag:style",
        environment="production",
        act=Proposal.Act.SET,
        value=document,
        base_version=2,
        status=Proposal.Status.AWAITING,
        author_name="system",
    )
    store.refresh()

    addresses = [*PAGES, f"/flags/proposals/{proposal.public_id}/"]
    statuses = {url: admin.get(url).status_code for url in addresses}

    assert statuses == dict.fromkeys(addresses, 200)
    assert "passed over" in admin.get("/flags/style/").content.decode()
    # The common rules hold instead.
    assert flag_enabled("style")
