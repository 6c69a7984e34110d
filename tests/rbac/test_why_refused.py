"""What the page of a refusal says: what is missing, whom to ask, and the way to why."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.views.defaults import permission_denied

from accounts.models import User
from rbac.actions import create_role
from rbac.why.who import whom_to_ask
from tests.rbac.conftest import AsPerson, MakePerson, Roles


def test_it_names_the_permission_and_leads_to_why(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    client = as_person(person("user"))
    page = client.get("/roles/")
    assert page.status_code == 403
    assert "See roles and who holds them" in page.text
    assert "<code>roles:read</code>" in page.text
    assert "Maren Holt" in page.text
    assert 'href="/roles/why/?page=/roles/"' in page.text
    why = client.get("/roles/why/?page=/roles/")
    verdict = why.context["verdict"]
    assert (verdict.allowed, verdict.decided_by) == (False, "permission")
    # It says once more whom to ask, and offers nothing that could not be done.
    assert why.context["whom"] == [admin]
    assert "If you need it, ask <b>Maren Holt</b>, who could give it." in " ".join(why.text.split())
    assert "What would allow it" not in why.text
    assert "As a program sees it" not in why.text


def test_what_the_route_does_not_ask_for_is_asked_by_its_name(
    as_person: AsPerson, admin: User, person: MakePerson
) -> None:
    boss = person("supervisor")
    below = person("user", supervisor=boss)
    page = as_person(boss).get("/roles/why/", {"person": below.username, "permission": "chat:use"})
    assert page.status_code == 403
    assert 'href="/roles/why/?permission=roles:read"' in page.text


def test_the_nearest_up_the_line_is_named(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    manager = person("manager", full_name="Lena Vogt")
    supervisor = person("supervisor", full_name="Ana Ruiz", supervisor=manager)
    guest = person("guest", supervisor=supervisor)
    # The supervisor may give no role; the manager gives "User", which brings it.
    assert whom_to_ask(guest, "chat.use") == [manager]
    # Nobody but an admin can give this one.
    assert whom_to_ask(guest, "settings.reveal") == [admin]
    page = as_person(guest).get("/chat/")
    assert "Lena Vogt" in page.text
    assert "Maren Holt" not in page.text


def test_else_some_who_could(person: MakePerson, admin: User, roles: Roles) -> None:
    managers = [person("manager", full_name=f"Zoe {number}") for number in range(4)]
    guest = person("guest")
    assert whom_to_ask(guest, "chat.use") == [admin, *managers[:2]]
    create_role(actor=None, name="Narrow", priority=85, permissions=["users.write", "users.read", "chat.use"])
    narrow = person("narrow", full_name="Aaron")
    # Not everybody is in that one's sight.
    assert narrow not in whom_to_ask(guest, "chat.use")
    guest.supervisor = narrow
    guest.save(update_fields=["supervisor"])
    # In sight by now, but "User" holds more than that one may give.
    assert whom_to_ask(guest, "chat.use") == [admin, *managers[:2]]


def test_nobody_to_ask_is_an_administrator(as_person: AsPerson, person: MakePerson) -> None:
    page = as_person(person("user")).get("/roles/")
    assert "Ask an administrator if you need it." in page.text


def test_a_sentence_leads_to_the_page(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    manager = person("manager")
    url = f"/users/{admin.public_id}/roles/assign/"
    page = as_person(manager).get(url)
    assert page.status_code == 403
    assert "holds a role beyond your reach" in page.text
    assert f'href="/roles/why/?page={url}"' in page.text


@pytest.mark.parametrize("sentence", ["", "roles.read", "Something else"])
def test_strangers_learn_no_names(sentence: str, rf: RequestFactory, admin: User) -> None:
    from django.contrib.auth.models import AnonymousUser

    request = rf.get("/roles/")
    request.user = AnonymousUser()
    answer = permission_denied(request, PermissionError(sentence))
    assert answer.status_code == 403
    assert "Maren Holt" not in answer.text
    assert "/roles/why/" not in answer.text


def test_it_costs_a_few_queries(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    guest = person("guest", supervisor=person("supervisor", supervisor=person("supervisor")))
    client = as_person(guest)
    client.get("/settings/")
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/settings/").status_code == 403
    assert len(queries) <= 14
