from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import exporting
from accounts.models import User
from chat.models import Conversation
from rbac.actions import create_role, start_review, update_role
from rbac.models import Assignment, Role
from rbac.reviews import export
from settings_store.models import AuditEvent
from tests.rbac.conftest import AsPerson, MakePerson, Roles

WHO = "/roles/why/who/"
EXPORT = f"{WHO}export/"


def names(page: Any) -> list[str]:
    return [str(person) for person, _found, _reach in page.context["rows"]]


def test_everybody_who_holds_it_and_by_which_role(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    create_role(actor=None, name="Auditor", priority=30, parent=roles["viewer"])
    ends_at = timezone.now() + timedelta(days=3)
    person("auditor", "viewer", full_name="Ana Ruiz", ends_at=ends_at)
    person(full_name="Break Glass", is_superuser=True)
    person("viewer", full_name="Gone Away", is_active=False)
    person("user", full_name="Tomasz Zielinski")
    page = as_person(admin).get(WHO, {"permission": "settings:read"})
    assert names(page) == ["Ana Ruiz", "Break Glass", "Maren Holt"]
    by = {
        str(each): [(str(way), way.until, way.is_break_glass) for way in found]
        for each, found, _reach in page.context["rows"]
    }
    assert by["Ana Ruiz"] == [("Auditor → Viewer", ends_at, False), ("Viewer", ends_at, False)]
    assert by["Break Glass"] == [("Admin", None, True)]
    assert by["Maren Holt"] == [("Admin", None, False)]
    assert "break-glass superuser" in page.text
    assert f"{EXPORT}?permission=settings%3Aread" in page.text


def test_who_reaches_one_conversation(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    top = person("supervisor", full_name="Omar Haddad")
    owner = person("user", full_name="Tomasz Zielinski", supervisor=person("user", supervisor=top))
    person("supervisor", full_name="Ana Ruiz")
    talk = Conversation.objects.create(owner=owner, title="Complaint 4411")
    asked = {"permission": "conversations:oversee", "object": f"/conversations/{talk.public_id}/"}
    page = as_person(admin).get(WHO, asked)
    assert names(page) == ["Maren Holt", "Omar Haddad"]
    assert "Complaint 4411" in page.text
    assert names(as_person(admin).get(WHO, asked | {"permission": "chat:use"})) == ["Tomasz Zielinski"]


def test_who_sees_one_person_and_where_rank_decides(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    boss = person("supervisor", full_name="Omar Haddad")
    below = person("user", full_name="Ana Ruiz", supervisor=boss)
    client = as_person(admin)
    asked = {"permission": "users:read", "object": f"person:{below.username}"}
    assert names(client.get(WHO, asked)) == ["Maren Holt", "Omar Haddad"]
    page = client.get(WHO, asked | {"permission": "users:write"})
    assert page.status_code == 422
    assert "the rank of both people decides" in page.text
    assert client.get(EXPORT, asked | {"permission": "users:write"}).status_code == 422


def test_only_people_in_sight(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    create_role(actor=None, name="Asker", priority=60, parent=roles["supervisor"], permissions=["roles.read"])
    asker = person("asker", full_name="Omar Haddad")
    person("operator", full_name="Ana Ruiz", supervisor=asker)
    person("operator", full_name="Lena Vogt")
    client = as_person(asker)
    assert names(client.get(WHO, {"permission": "models:read"})) == ["Ana Ruiz", "Omar Haddad"]
    talk = Conversation.objects.create(owner=admin)
    assert client.get(WHO, {"permission": "chat:use", "object": f"conversation:{talk.public_id}"}).status_code == 422


def test_pages_cost_the_same_however_many(
    as_person: AsPerson,
    admin: User,
    person: MakePerson,
    roles: Roles,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    viewers = [person() for _ in range(120)]
    Assignment.objects.bulk_create(Assignment(user=viewer, role=roles["viewer"]) for viewer in viewers)
    client = as_person(admin)
    client.get(WHO, {"permission": "audit:read"})
    seen: list[str] = []
    address = f"{WHO}?permission=audit:read"
    # Session, person, the map's version, the page, their assignments, the roles.
    while address:
        with django_assert_num_queries(7):
            page = client.get(address)
        seen += names(page)
        older = page.context["page"].older_url
        address = f"{WHO}{older}" if older else ""
    assert len(seen) == len(set(seen)) == 121


@pytest.mark.django_db(transaction=True)
def test_export_is_safe_for_spreadsheets_and_in_the_trail(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    person("viewer", full_name="=HYPERLINK(1)")
    answer: Any = as_person(admin).get(EXPORT, {"permission": "audit:read"})
    assert answer["Content-Type"].startswith("text/csv")
    assert "who-audit-read-" in answer["Content-Disposition"]

    async def read() -> bytes:
        return b"".join([part async for part in answer])

    text = asyncio.run(read()).decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["full name"] for line in lines] == ["'=HYPERLINK(1)", "Maren Holt"]
    assert [(line["permission"], line["by role"], line["until"]) for line in lines] == [
        ("audit:read", "Viewer", "no end"),
        ("audit:read", "Admin", "no end"),
    ]
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_id) == ("permission.holders_exported", admin.pk)
    assert event.after == {"permission": "audit:read", "object": "", "count": 2}
    # It is about no one object.
    assert (event.target_type, event.target_name) == ("", "audit:read")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", [f"{EXPORT}?permission=chat:use", "/users/export/", "review"])
@pytest.mark.parametrize("taken", ["users.all", "users.read"])
def test_a_file_ends_with_the_sight_it_began_with(
    address: str, taken: str, as_person: AsPerson, person: MakePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BATCH", 1)
    monkeypatch.setattr(export, "BATCH", 1)
    held = ["roles.read", "users.read", "users.write", "users.all"]
    seeing = create_role(actor=None, name="Seeing", priority=90, permissions=held)
    reader, others = person("seeing"), [person("user") for _ in range(4)]
    if address == "review":
        review = start_review(actor=reader, role=Role.objects.get(system_key="user"))
        address = f"/roles/reviews/{review.public_id}/export/"
    answer: Any = as_person(reader).get(address)

    async def read() -> bytes:
        pieces = aiter(answer)
        # The headings and the first batch.
        text = await anext(pieces) + await anext(pieces)
        await sync_to_async(take)()
        rest: bytes = b"".join([piece async for piece in pieces])
        return bytes(text) + rest

    def take() -> None:
        left = {"roles.read", "users.read", "users.all"} - {taken}
        update_role(actor=None, role=seeing, name="Seeing", description="", priority=90, parent=None, permissions=left)

    text = asyncio.run(read()).decode()
    assert sum(each.email in text for each in [reader, *others]) == 1


def test_how_far_it_reaches_is_said(
    as_person: AsPerson,
    admin: User,
    person: MakePerson,
    roles: Roles,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    boss = person("supervisor", full_name="Ana Ruiz")
    middle = person("supervisor", full_name="Kofi Mensah", supervisor=boss)
    person("user", full_name="Lena Vogt", supervisor=middle)
    person("supervisor", full_name="Zoe Alone")
    create_role(actor=None, name="Writer", priority=30, permissions=["users.write"])
    person("writer", full_name="Bea Blind")
    client = as_person(admin)

    def told(name: str) -> dict[str, str]:
        return {str(each): reach for each, _found, reach in client.get(WHO, {"permission": name}).context["rows"]}

    team = {"Ana Ruiz": "own team, 2 people", "Kofi Mensah": "own team, 1 person", "Zoe Alone": "own team, nobody yet"}
    for name in ("users:read", "conversations:oversee", "usage:read"):
        assert {"Maren Holt": "everyone", **team}.items() <= told(name).items(), name
    # Whom one does not see, one cannot change.
    assert told("users:write")["Bea Blind"] == "own"
    # The roles of all, and two for the sizes of teams, beside what the list costs anyhow.
    # PostgreSQL is told once not to compile the walk through the tree.
    with django_assert_num_queries(11 if connection.vendor == "postgresql" else 10):
        page = client.get(WHO, {"permission": "users:read"})
    assert "Reach" in page.text
    for name in ("chat:use", "users:all"):
        page = client.get(WHO, {"permission": name})
        assert "Reach" not in page.text
        assert set(told(name).values()) == {""}


@pytest.mark.parametrize("address", [WHO, EXPORT])
def test_only_for_those_who_see_roles(as_person: AsPerson, person: MakePerson, address: str) -> None:
    client = as_person(person("supervisor"))
    assert client.get(address, {"permission": "chat:use"}).status_code == 403
    assert as_person(person("manager")).post(address).status_code == 405


def test_bad_questions(as_person: AsPerson, admin: User) -> None:
    client = as_person(admin)
    assert client.get(WHO).status_code == 200
    assert client.get(WHO, {"permission": "settings:fly"}).status_code == 422
    assert client.get(WHO, {"permission": "chat:use", "object": "role:admin"}).status_code == 422
    assert client.get(EXPORT).status_code == 422
    assert client.get(WHO, {"permission": "chat:use", "after": "nonsense", "sort": "x"}).status_code == 200


@pytest.fixture
def thousand(person: MakePerson, roles: Roles) -> Callable[[int], None]:
    def make(number: int) -> None:
        people = [
            User(
                username=f"many{n}",
                email=f"many{n}@example.org",
                username_key=f"many{n}",
                name_key=f"many{n:05}",
                email_key=f"many{n}@example.org",
            )
            for n in range(number)
        ]
        made = User.objects.bulk_create(people)
        Assignment.objects.bulk_create(Assignment(user=each, role=roles["viewer"]) for each in made)

    return make


def test_ten_thousand_are_no_trouble(
    as_person: AsPerson, admin: User, thousand: Callable[[int], None], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    thousand(10_000)
    client = as_person(admin)
    client.get(WHO, {"permission": "audit:read"})
    begun = timezone.now()
    with django_assert_num_queries(7):
        page = client.get(WHO, {"permission": "audit:read"})
    assert len(page.context["rows"]) == 50
    assert (timezone.now() - begun).total_seconds() < 2
