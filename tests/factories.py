"""People for tests: rows as the actions would leave them, without their time and their events."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.test import Client

from accounts.models import User
from rbac.actions import seed_system_roles
from rbac.models import Assignment, Role

PASSWORD = "correct horse battery staple"
_number = count(1)


def role_named(key: str) -> Role:
    """A system role; all are seeded by the first test that asks."""
    role = Role.objects.filter(name_key=key).first()
    if role is None:
        seed_system_roles()
        role = Role.objects.get(name_key=key)
    return role


def make_user(*, role: str | None = "user", password: str | None = PASSWORD, **fields: Any) -> User:
    """An active person holding the system role `role` (None: no role at all) and signing in with `PASSWORD`."""
    name = fields.pop("username", f"person{next(_number)}")
    user = User(username=name, email=fields.pop("email", f"{name}@example.org"), **fields)
    user.set_password(password)
    user.save()
    if role is not None:
        Assignment.objects.create(user=user, role=role_named(role))
    # Read back, so that a test starts from what the database says.
    return User.objects.get(pk=user.pk)


def client_of(user: User, **options: Any) -> Client:
    """A browser in which `user` is signed in."""
    client = Client(**options)
    client.force_login(user)
    return client
