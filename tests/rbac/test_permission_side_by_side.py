"""Programs that start at once declare the same permission, while roles that hold it are edited and it is deleted."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import connection

from rbac.actions import create_role, update_role
from rbac.actions.permission import declare_permission, delete_permission
from rbac.models import CustomPermission
from settings_store.models import AuditEvent
from tests.factories import role_named
from tests.rbac.test_side_by_side import TIMES, side_by_side

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite lets one write at a time"),
]


def put(number: int) -> None:
    declare_permission(actor=None, name=f"document:act-{number}", label="x", again=True)


def test_those_who_declare_the_same_at_once_make_one() -> None:
    role_named("user")
    side_by_side(put, put, put)
    assert CustomPermission.objects.count() == TIMES
    assert AuditEvent.objects.filter(action="permission.declared").count() == TIMES


def test_deleting_next_to_editing_a_role_that_holds_it() -> None:
    role_named("user")
    role = create_role(actor=None, name="Archivist")
    for number in range(TIMES):
        put(number)

    def edit(number: int) -> None:
        names = [row.name for row in CustomPermission.objects.all()]
        # One of them may be gone by now: that is said, and the next edit knows.
        with suppress(ValidationError):
            update_role(
                actor=None, role=role, name="Archivist", description="", priority=10, parent=None, permissions=names
            )

    def delete(number: int) -> None:
        delete_permission(actor=None, permission=CustomPermission.objects.get(name=f"document.act-{number}"))

    side_by_side(edit, delete)
    assert not CustomPermission.objects.exists()
    assert not Permission.objects.filter(codename__startswith="document.").exists()
    assert not role.group.permissions.exists()
