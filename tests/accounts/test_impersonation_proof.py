"""Acting as somebody opens no door that a second factor guards, and none that only its person may open."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import Session, User
from accounts.obstacles import FACTOR_SESSION_KEY
from rbac.actions import create_role
from rbac.models import Assignment, Role
from rbac.role_map import changing_roles
from tests.accounts.conftest import Trail
from tests.accounts.factors import ask_of_role
from tests.accounts.test_impersonation import act_as, who_is_seen
from tests.factories import PASSWORD, client_of, make_user, role_named


def give_factor(client: Client) -> None:
    session = client.session
    session[FACTOR_SESSION_KEY] = "app"
    session.save()


@transaction.atomic
def ask_of(person: User, admin: User) -> None:
    """From now on a role that `person` alone has asks for a second factor."""
    role = create_role(actor=admin, name="Guarded", priority=90, parent=role_named("user"), permissions=[])
    Assignment.objects.create(user=person, role=role)
    with changing_roles():
        Role.objects.filter(pk=role.pk).update(requires_factor=True)


def test_a_factor_asked_of_the_person_is_asked_of_the_admin(as_admin: Client, admin: User, person: User) -> None:
    ask_of(person, admin)
    url = f"/users/{person.public_id}/act-as/"
    assert url not in as_admin.get(f"/users/{person.public_id}/").content.decode()
    answer = act_as(as_admin, person)
    assert answer.status_code == 422
    assert "asks for a second factor" in answer.content.decode()
    assert who_is_seen(as_admin) == "maren"
    give_factor(as_admin)
    assert act_as(as_admin, person).status_code == 302
    assert who_is_seen(as_admin) == "ana.ruiz"


@pytest.mark.parametrize("whose", ["admin", "person"])
def test_it_ends_where_a_role_begins_to_ask(whose: str, as_admin: Client, admin: User, person: User) -> None:
    assert act_as(as_admin, person).status_code == 302
    if whose == "admin":
        ask_of_role(admin)
    else:
        ask_of(person, admin)
    assert as_admin.get("/profile/")["Location"] == "/"
    assert Session.objects.get(user=admin).acting_as is None


def ended(trail: Trail) -> list[Any]:
    return [
        (event.actor_id, event.impersonator_id, event.target_id, event.after)
        for event in trail.events
        if event.action == "impersonation.ended"
    ]


@pytest.mark.parametrize("signed_in_as", ["lena", "maren"])
def test_signing_in_meanwhile_ends_it_in_the_trail(
    signed_in_as: str, as_admin: Client, admin: User, manager: User, person: User, trail: Trail
) -> None:
    act_as(as_admin, person)
    as_admin.post("/login/", {"username": signed_in_as, "password": PASSWORD})
    assert ended(trail) == [(admin.pk, None, str(person.public_id), {"why": "signed out"})]
    event = trail.events[-1]
    assert (event.action, event.impersonator_id) == ("session.signed_in", None)


@pytest.mark.parametrize("others", [True, False])
def test_ending_the_session_ends_it_in_the_trail(
    others: bool, as_admin: Client, admin: User, person: User, trail: Trail
) -> None:
    act_as(as_admin, person)
    row = Session.objects.get(acting_as=person)
    url = "/profile/sessions/others/revoke/" if others else f"/profile/sessions/{row.public_id}/revoke/"
    assert client_of(admin).post(url).status_code == 302
    assert ended(trail) == [(admin.pk, None, str(person.public_id), {"why": "signed out"})]
    assert not Session.objects.filter(pk=row.pk).exists()


def test_what_is_about_oneself_stays_the_persons_own(as_admin: Client) -> None:
    manager = make_user(username="lena", role="manager")
    client_of(manager)
    row = Session.objects.get(user=manager)
    assert act_as(as_admin, manager).status_code == 302
    assert "revoke" not in as_admin.get(f"/users/{manager.public_id}/sessions/").content.decode()
    for path in ("sessions/revoke/", f"sessions/{row.public_id}/revoke/", "edit/"):
        assert as_admin.post(f"/users/{manager.public_id}/{path}").status_code == 403, path
    assert Session.objects.filter(pk=row.pk).exists()
