"""The cast of these tests: roles as every installation has them, and people who hold one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rbac.actions import assign_role, seed_system_roles
from rbac.models import Role

type MakePerson = Callable[..., User]
type AsPerson = Callable[..., Client]
type Roles = dict[str, Role]

# What is sent to make a role.
READER = {"name": "Reader", "description": "Reads", "priority": "15", "parent": "", "permissions": ["audit.read"]}

_numbers = count(1)


@pytest.fixture
def roles(db: None) -> Roles:
    """The system roles by key."""
    seed_system_roles()
    return {role.name_key: role for role in Role.objects.all()}


def make_person(*keys: str, ends_at: datetime | None = None, **fields: object) -> User:
    """Somebody who holds exactly these roles."""
    number = next(_numbers)
    user = User(username=f"person{number}", email=f"person{number}@example.org", **fields)
    user.set_unusable_password()
    user.save()
    for key in keys:
        assign_role(actor=None, user=user, role=Role.objects.get(name_key=key), ends_at=ends_at)
    return user


@pytest.fixture
def person(roles: Roles) -> MakePerson:
    return make_person


@pytest.fixture
def admin(person: MakePerson) -> User:
    return person("admin", full_name="Maren Holt")


def roles_url(user: User, rest: str = "") -> str:
    return f"/users/{user.public_id}/roles/{rest}"


def save_role(client: Client, role: Role, sent: dict[str, object]) -> Any:
    """Send the form of a role, and say yes to whom it reaches where that is asked."""
    url, sent = f"/roles/{role.public_id}/edit/", {"version": role.version, **sent}
    answer = client.post(url, sent)
    if answer.status_code == 200 and "outcome" in answer.context:
        answer = client.post(url, {**sent, "reviewed": answer.context["outcome"].print})
    return answer


@pytest.fixture
def as_person(client: Client) -> AsPerson:
    def sign_in(user: User, *, stepped_up: bool = False) -> Client:
        client.force_login(user)
        if stepped_up:
            session = client.session
            session["stepped_up_at"] = 2**40
            session.save()
        return client

    return sign_in
