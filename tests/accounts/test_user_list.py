from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role
from tests.factories import client_of, make_user, role_named

URL = "/users/"


def names(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{URL}{query}")
    assert answer.status_code == 200
    return [row.person.username for row in answer.context["rows"]]


def test_admins_and_managers_see_everyone(as_admin: Client, as_manager: Client, person: User) -> None:
    assert {"ana.ruiz", "maren", "lena"} <= set(names(as_admin))
    assert names(as_admin) == names(as_manager)


def test_each_line_says_the_roles(as_admin: Client, admin: User) -> None:
    both = make_user(username="both", role="viewer")
    assign_role(actor=None, user=both, role=role_named("supervisor"))
    cells = {row.person.username: row.cells[0][1] for row in as_admin.get(URL).context["rows"]}
    assert cells == {"maren": ["Admin"], "both": ["Supervisor", "Viewer"]}


def test_supervisors_see_themselves_and_those_below_however_deep(supervisor: User, as_supervisor: Client) -> None:
    below = make_user(username="below", supervisor=supervisor)
    make_user(username="deeper", supervisor=below)
    make_user(username="beside")
    assert set(names(as_supervisor)) == {"kofi", "below", "deeper"}


@pytest.mark.parametrize("role", ["operator", "user", "viewer", "guest", None])
def test_others_are_not_allowed(db: None, role: str | None) -> None:
    assert client_of(make_user(role=role)).get(URL).status_code == 403


def test_a_stranger_is_sent_to_the_door(client: Client, db: None) -> None:
    assert client.get(URL)["Location"] == "/login/?next=%2Fusers%2F"


@pytest.mark.parametrize("words", ["ruiz", "RUIZ", "ana.ruiz@ex", "Ana  Ruiz", "ａｎａ"])
def test_search(as_admin: Client, person: User, words: str) -> None:
    assert names(as_admin, f"?q={words}") == ["ana.ruiz"]


@pytest.mark.parametrize("words", ["%00", "%ED%A0%80", "%25", "_", "'", "x" * 5000, "zzz"])
def test_odd_searches_find_nobody(as_admin: Client, person: User, words: str) -> None:
    answer = as_admin.get(f"{URL}?q={words}")
    assert answer.status_code == 200
    assert not answer.context["rows"]
    assert "No one matches" in answer.content.decode()


def test_states(as_admin: Client, person: User) -> None:
    make_user(username="gone", is_active=False)
    User.objects.filter(pk=person.pk).update(last_login=timezone.now())
    assert names(as_admin, "?state=inactive") == ["gone"]
    assert "gone" not in names(as_admin, "?state=active")
    assert "ana.ruiz" not in names(as_admin, "?state=new")
    assert "gone" in names(as_admin, "?state=nonsense")


@pytest.mark.parametrize("sort", ["name", "-name", "created", "-created", "seen", "-seen", "nonsense"])
def test_every_order_shows_everyone_once_over_its_pages(as_admin: Client, sort: str) -> None:
    people = [
        User(
            username=f"p{number:03}",
            email=f"p{number:03}@example.org",
            username_key=f"p{number:03}",
            email_key=f"p{number:03}@example.org",
            name_key=f"p{number % 7}",
            last_login=timezone.now() if number % 3 else None,
        )
        for number in range(120)
    ]
    User.objects.bulk_create(people)
    seen: list[str] = []
    query = f"?sort={sort}"
    while query:
        answer = as_admin.get(f"{URL}{query}")
        seen += [row.person.username for row in answer.context["rows"]]
        query = answer.context["page"].older_url
    assert len(seen) == len(set(seen)) == 121


def test_many_people_cost_no_more_queries(as_admin: Client, admin: User) -> None:
    as_admin.get(URL)
    with CaptureQueriesContext(connection) as few:
        as_admin.get(URL)
    for _ in range(15):
        make_user(supervisor=admin)
    with CaptureQueriesContext(connection) as many:
        as_admin.get(URL)
    assert len(many) == len(few)
    # The session, the person with their roles, what filters offer (roles, supervisors), the page of people, their
    # roles, factors (with the version of the role map), conversations, and how many proposals wait.
    assert len(few) == 10, "\n".join(query["sql"] for query in few)


@pytest.mark.django_db(transaction=True)
def test_who_stands_above_oneself_is_named_on_pages_alone() -> None:
    boss = make_user(username="boss", full_name="The Boss")
    lead = make_user(username="lead", role="supervisor", supervisor=boss)
    mine = make_user(username="mine", supervisor=lead)
    client = client_of(lead)
    shown = client.get(URL).context["rows"]
    assert {row.person.username: row.supervisor for row in shown} == {"lead": None, "mine": lead}
    answer: Any = client.get(f"{URL}export/")

    async def read() -> bytes:
        return b"".join([part async for part in answer])

    text = asyncio.run(read()).decode("utf-8-sig")
    rows = {row["username"]: row["supervisor"] for row in csv.DictReader(io.StringIO(text))}
    assert rows == {"lead": "", "mine": "lead"}
    # People know whom they answer to.
    assert "The Boss" in client.get(f"{URL}{mine.public_id}/").text
    admin = client_of(make_user(role="admin"))
    told = {row.person.username: row.supervisor for row in admin.get(URL).context["rows"]}
    assert told["lead"] == boss
