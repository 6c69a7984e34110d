"""The forms for people in the Django admin: the same actions, rights and sentences as on the house's own pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.rules import user_rules
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user

ADD = "/admin/accounts/user/add/"


def page(person: User) -> str:
    return reverse("admin:accounts_user_change", args=[person.pk])


def filled(client: Client, address: str, **changes: Any) -> dict[str, Any]:
    """What the form would send, with these changes; None takes a field out."""
    form = client.get(address).context["form"]
    data = {bound.name: bound.value() for bound in form if bound.value() not in (None, False)}
    return {name: value for name, value in (data | changes).items() if value is not None}


def test_details_are_changed_and_noted(as_admin: Client, admin: User, person: User, trail: Trail) -> None:
    data = filled(as_admin, page(person), full_name="Ana R.", supervisor="maren", time_zone="Europe/Madrid")
    assert as_admin.post(page(person), data)["Location"] == "/admin/accounts/user/"
    person.refresh_from_db()
    assert (person.full_name, person.supervisor, person.time_zone) == ("Ana R.", admin, "Europe/Madrid")
    assert trail.actions == ["user.updated"]
    assert trail.events[0].actor_name == "Maren Holt"


def test_somebody_is_made_without_a_password(as_admin: Client, trail: Trail) -> None:
    data = filled(as_admin, ADD, username="new", email="new@example.org", bio="Hello")
    answer = as_admin.post(ADD, data, follow=True)
    person = User.objects.get(username="new")
    assert not person.has_usable_password()
    assert person.bio == "Hello"
    assert "without a password yet" in answer.content.decode()
    assert "user.created" in trail.actions


def test_active_goes_through_its_own_actions(as_admin: Client, person: User, trail: Trail) -> None:
    as_admin.post(page(person), filled(as_admin, page(person), is_active=None))
    person.refresh_from_db()
    assert not person.is_active
    as_admin.post(page(person), filled(as_admin, page(person), is_active="on"))
    assert User.objects.get(pk=person.pk).is_active
    assert trail.actions == ["user.deactivated", "user.activated"]


def test_what_gives_rights_is_never_taken(as_admin: Client, person: User) -> None:
    hidden = {"is_superuser": "on", "is_staff": "on", "groups": "1", "user_permissions": "1", "password": "x"}
    before = person.password
    as_admin.post(page(person), filled(as_admin, page(person), **hidden))
    person.refresh_from_db()
    assert not person.is_superuser
    assert not person.groups.exists()
    assert person.password == before
    shown = as_admin.get(page(person)).content.decode()
    assert not [name for name in hidden if f'name="{name}"' in shown]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "MAREN"),
        ("email", "Maren@Example.org"),
        ("email", "none"),
        ("supervisor", "nobody"),
        ("time_zone", "x"),
    ],
)
def test_slips_are_said_at_the_field(as_admin: Client, person: User, trail: Trail, field: str, value: str) -> None:
    answer = as_admin.post(page(person), filled(as_admin, page(person), **{field: value}))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert trail.actions == []


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(as_admin: Client, person: User) -> None:
    data = filled(as_admin, page(person), full_name="Mine")
    as_admin.post(page(person), filled(as_admin, page(person), full_name="Theirs"))
    answer = as_admin.post(page(person), data)
    assert answer.status_code == 422
    assert "Somebody changed this person" in answer.content.decode()
    person.refresh_from_db()
    assert person.full_name == "Theirs"


def test_both_or_nothing(as_admin: Client, person: User, trail: Trail) -> None:
    """Where the second act is refused, the first is not done either."""
    taken = filled(as_admin, page(person), full_name="Another", is_active=None)

    def refuse(actor: User | None, target: User, act: str) -> str | None:
        return "Not now." if act == "deactivate" else None

    user_rules.append(refuse)
    try:
        answer = as_admin.post(page(person), taken)
    finally:
        user_rules.remove(refuse)
    assert answer.status_code == 422
    assert "Not now." in answer.content.decode()
    person.refresh_from_db()
    assert (person.full_name, person.is_active) == ("Ana Ruiz", True)
    assert trail.actions == []


def test_nobody_deactivates_themselves(as_admin: Client, admin: User) -> None:
    as_admin.post(page(admin), filled(as_admin, page(admin), is_active=None, full_name="Me"))
    admin.refresh_from_db()
    assert (admin.full_name, admin.is_active) == ("Me", True)


@pytest.mark.parametrize("role", ["manager", "operator", "supervisor", "user"])
def test_others_change_nobody(person: User, role: str) -> None:
    client = client_of(make_user(role=role))
    for address in (page(person), ADD):
        assert client.get(address).status_code == 403
        assert client.post(address, {"full_name": "x"}).status_code == 403
    person.refresh_from_db()
    assert person.full_name == "Ana Ruiz"


def test_nobody_is_deleted(as_admin: Client, person: User) -> None:
    assert as_admin.post(reverse("admin:accounts_user_delete", args=[person.pk]), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=person.pk).exists()


def test_nobody_unknown(as_admin: Client) -> None:
    assert as_admin.get("/admin/accounts/user/999999/change/").status_code == 302
    assert as_admin.get("/admin/accounts/user/%00/change/").status_code in {302, 404}
