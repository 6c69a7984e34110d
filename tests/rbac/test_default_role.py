"""Who is made by somebody gets the default role where its maker could give it, and nothing where not."""

from __future__ import annotations

import pytest

from accounts import actions
from accounts.actions.imports import bring_in, start_import
from accounts.models import User, UserImport
from rbac.actions import create_role
from rbac.models import Assignment
from tests.rbac.conftest import AsPerson, MakePerson, Roles

SENTENCE = "{} has no role: User is not yours to give."


@pytest.fixture
def maker(person: MakePerson, roles: Roles) -> User:
    """Somebody who makes people, and may not chat."""
    names = ["users.read", "users.all", "users.write"]
    create_role(actor=None, name="Receptionist", priority=70, permissions=names)
    return person("receptionist")


def test_nobody_makes_somebody_who_could_do_more_than_they_may_give(as_person: AsPerson, maker: User) -> None:
    sent = {"username": "newly", "email": "newly@example.org"}
    page = as_person(maker).post("/users/new/", sent, follow=True)
    assert SENTENCE.format("newly") in page.text
    assert not Assignment.objects.filter(user__username="newly").exists()


def test_an_import_says_who_has_no_role(as_person: AsPerson, maker: User) -> None:
    row = start_import(actor=maker, filename="people.csv", text="email\nline@example.org\n")
    UserImport.objects.update(state=UserImport.State.RUNNING, columns={"email": 0})
    bring_in.func(row.pk)
    row.refresh_from_db()
    assert (row.made, row.error_count) == (1, 0)
    assert not Assignment.objects.filter(user__email="line@example.org").exists()
    assert SENTENCE.format("line") in as_person(maker).get(f"/users/import/{row.public_id}/").text


def test_who_comes_alone_or_is_made_by_an_admin_gets_it(admin: User) -> None:
    for actor, name in ((None, "alone"), (admin, "made")):
        made = actions.create_user(actor=actor, username=name, email=f"{name}@example.org")
        assert made.remarks == []
        assert Assignment.objects.counting().get(user=made).role.name == "User"
