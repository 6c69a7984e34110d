"""Rules that are no such document, written past the pages: they are passed over, and every page still answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from settings_store import store
from settings_store.flag.grid import lines_of
from settings_store.flag.rules import OFF
from settings_store.flag.share import compiled_for
from settings_store.flag.staleness import marks
from settings_store.flags import flag_enabled
from settings_store.models import Flag, FlagUse, Proposal, Setting, SettingVersion

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


def test_all_who_read_rules_pass_over_the_same(make_flag: Callable[..., Flag]) -> None:
    long_ago = timezone.now() - timedelta(days=90)
    make_flag("old", environment="default", on=True)
    flag = make_flag("old", on=True, share=2500)
    Setting.objects.filter(environment="production").update(value={"onn": True})
    Setting.objects.update(updated_at=long_ago)
    Flag.objects.update(created_at=long_ago)
    FlagUse.objects.create(key="old", environment="production", last_at=timezone.now())
    flag.refresh_from_db()
    store.refresh()

    line = lines_of([flag])[0]
    compiled = compiled_for("production")

    assert flag_enabled("old")
    assert (line.here.state, line.here.source) == ("on", "default")
    assert line.here.trouble
    assert compiled.flags["old"].is_on
    assert compiled.documents["old"] == line.here.document == line.common.document
    assert compiled.passed_over == (("old", "production", "This is not a document of the rules of a flag."),)
    assert marks([flag])["old"].startswith("The same for everybody since")


def test_rules_that_were_sealed_are_passed_over(make_flag: Callable[..., Flag]) -> None:
    flag = make_flag("new-search", on=True)
    Setting.objects.update(value=None, sealed=b"no document")
    store.refresh()

    assert not flag_enabled("new-search")
    assert "not sealed" in lines_of([flag])[0].here.trouble
