"""What /users/ is narrowed down by, and what comes out as a file."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import exporting
from accounts.filters import STATUSES
from accounts.models import Lockout, Totp, User
from accounts.status import Status
from rbac.models import Role, RoleMapVersion
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user, role_named

URL = "/users/"


def names(client: Client, query: str) -> set[str]:
    return {row.person.username for row in client.get(f"{URL}?{query}").context["rows"]}


@pytest.fixture
def people(person: User) -> User:
    """One for each status, and the person of all tests."""
    now = timezone.now()
    make_user(username="gone", is_active=False)
    make_user(username="invited", password=None, invited_until=now + timedelta(days=1))
    make_user(username="due", must_change_password=True, last_login=now - timedelta(days=60))
    make_user(username="locked", last_login=now - timedelta(days=200))
    Lockout.objects.create(user=User.objects.get(username="locked"), until=now + timedelta(hours=1))
    Lockout.objects.create(user=User.objects.get(username="gone"), until=now - timedelta(hours=1))
    User.objects.filter(pk=person.pk).update(last_login=now - timedelta(days=1))
    return person


@pytest.mark.django_db(transaction=True)
def test_filter_badge_and_file_agree_on_what_somebody_is(as_admin: Client, people: User) -> None:
    soon, past = timezone.now() + timedelta(days=1), timezone.now() - timedelta(days=1)
    for number, (is_active, invited_until, until) in enumerate(
        product([True, False], [None, soon, past], [soon, past])
    ):
        each = make_user(username=f"each{number}", is_active=is_active, invited_until=invited_until)
        Lockout.objects.create(user=each, until=until)
    exported = {row["username"]: row["status"] for row in rows_of(as_admin)}
    filtered = {name: str(status) for value, status in STATUSES.items() for name in names(as_admin, f"state={value}")}
    assert filtered == exported
    assert set(exported.values()) == set(Status.values)
    rows = as_admin.get(URL).context["rows"]
    assert {row.person.username: str(row.status) for row in rows} == exported
    shown = as_admin.get(f"{URL}?state=expired").content.decode()
    assert "invitation expired</span>" in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=inactive", {"gone"}),
        ("state=invited", {"invited"}),
        ("state=locked", {"locked"}),
        ("state=password", {"due"}),
        ("seen=7", {"ana.ruiz"}),
        ("seen=30", {"ana.ruiz"}),
        ("seen=90", {"ana.ruiz", "due"}),
        ("seen=older", {"locked"}),
        ("seen=never&state=new&q=invited", {"invited"}),
        ("state=locked&seen=7", set()),
    ],
)
def test_by_status_and_last_sign_in(as_admin: Client, people: User, query: str, found: set[str]) -> None:
    User.objects.filter(username="maren").update(last_login=None)
    assert names(as_admin, query) == found


def test_by_role(as_admin: Client, people: User) -> None:
    make_user(username="bare", role=None)
    make_user(username="seer", role="viewer")
    assert names(as_admin, "role=none") == {"bare"}
    assert names(as_admin, f"role={role_named('viewer').public_id}") == {"seer"}


def test_by_factor(as_admin: Client, people: User) -> None:
    seer = make_user(username="seer", role="viewer")
    Role.objects.filter(name_key="viewer").update(requires_factor=True)
    RoleMapVersion.objects.update(version=424242)
    make_user(username="blind", role="viewer")
    Totp.objects.create(user=seer, sealed_secret=b"x")
    assert names(as_admin, "factor=has") == {"seer"}
    assert "seer" not in names(as_admin, "factor=none")
    assert names(as_admin, "factor=missing") == {"blind"}
    cells = {
        row.person.username: {str(column.label): value for column, value in row.cells}["Second factor"]
        for row in as_admin.get(URL).context["rows"]
    }
    assert (cells["seer"], cells["blind"], cells["ana.ruiz"]) == ("yes", "missing", "no")


def test_by_team(as_admin: Client, supervisor: User, people: User) -> None:
    below = make_user(username="below", supervisor=supervisor)
    make_user(username="deeper", supervisor=below)
    assert names(as_admin, f"team={supervisor.public_id}") == {"below", "deeper"}


def test_teams_out_of_sight_are_not_offered(supervisor: User, admin: User, people: User) -> None:
    make_user(supervisor=admin)
    make_user(username="below", supervisor=supervisor)
    client = client_of(supervisor)
    offered = next(choice for choice in client.get(URL).context["asked"].choices if choice.filter.name == "team")
    assert [word for _value, word in offered.choices] == ["Kofi Mensah"]
    assert names(client, f"team={admin.public_id}") == {"kofi", "below"}


@pytest.mark.parametrize("query", ["state=x", "role=%00", "seen=8", "team=nobody", "factor=", "team=" + "9" * 400])
def test_nonsense_narrows_nothing(as_admin: Client, people: User, query: str) -> None:
    assert len(names(as_admin, query)) == 6
    assert as_admin.get(f"{URL}?{query}").context["asked"].chips == []


def test_chips_say_what_is_set_and_take_it_away(as_admin: Client, people: User) -> None:
    answer = as_admin.get(f"{URL}?q=a&state=active&seen=7")
    chips = answer.context["asked"].chips
    assert [chip.label for chip in chips] == ["Status: active", "Last sign-in: within 7 days"]
    assert chips[0].url == "?q=a&seen=7"


def test_htmx_gets_the_table_alone_and_the_address_follows(as_admin: Client, people: User) -> None:
    headers = {"HX-Request": "true", "HX-Target": "people"}
    answer = as_admin.get(f"{URL}?q=ruiz&state=&role=", headers=headers)
    assert answer["HX-Push-Url"] == "/users/?q=ruiz"
    body = answer.content.decode()
    assert "<html" not in body
    assert "Ana Ruiz" in body
    assert 'href="/users/export/?q=ruiz"' in body
    restored = as_admin.get(URL, headers=headers | {"HX-History-Restore-Request": "true"})
    assert "<html" in restored.content.decode()


def rows_of(client: Client, query: str = "") -> list[dict[str, str]]:
    answer: Any = client.get(f"{URL}export/?{query}")
    assert answer.status_code == 200

    async def read() -> bytes:
        return b"".join([part async for part in answer])

    text = asyncio.run(read()).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.mark.django_db(transaction=True)
def test_what_is_filtered_leaves_as_a_file_and_the_trail_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "BATCH", 2)
    boss = make_user(username="boss", role="admin", full_name="Boss")
    make_user(username="odd", full_name="=HYPERLINK(1)", supervisor=boss, is_active=False)
    for number in range(3):
        make_user(username=f"same{number}", full_name="Same Name")
    client = client_of(boss)
    trail = Trail()
    rows = rows_of(client)
    assert [row["username"] for row in rows] == ["odd", "boss", "same0", "same1", "same2"]
    assert rows[0] | {"created": ""} == {
        "username": "odd",
        "email": "odd@example.org",
        "full name": "'=HYPERLINK(1)",
        "status": "deactivated",
        "roles": "User",
        "second factor": "no",
        "conversations": "",
        "supervisor": "boss",
        "last sign-in": "",
        "created": "",
    }
    assert [row["username"] for row in rows_of(client, "q=same&state=active")] == ["same0", "same1", "same2"]
    assert [event.after for event in trail.events] == [
        {"count": 5, "filters": {}},
        {"count": 3, "filters": {"q": "same", "state": "active"}},
    ]


@pytest.mark.django_db(transaction=True)
def test_a_supervisor_takes_out_the_own_team_alone() -> None:
    boss = make_user(username="boss", role="supervisor")
    make_user(username="below", supervisor=boss)
    make_user(username="beside")
    assert {row["username"] for row in rows_of(client_of(boss))} == {"boss", "below"}


def test_others_take_out_nothing(db: None) -> None:
    assert client_of(make_user()).get(f"{URL}export/").status_code == 403
