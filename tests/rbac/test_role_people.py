from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role, create_role
from tests.rbac.conftest import AsPerson, MakePerson, Roles


def test_people_of_a_role_are_those_the_reader_may_see(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    person("operator", full_name="Ana Ruiz")
    create_role(actor=None, name="Lister", priority=15, permissions=["roles.read"])
    assert "Ana Ruiz" in as_person(admin).get(f"/roles/{roles['operator'].public_id}/people/").text
    assert "Ana Ruiz" not in as_person(person("lister")).get(f"/roles/{roles['operator'].public_id}/people/").text


def test_an_ended_assignment_leaves_the_people_of_a_role(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user = person(full_name="Kofi Mensah")
    assignment = assign_role(actor=None, user=user, role=roles["viewer"], ends_at=timezone.now() + timedelta(hours=1))
    client = as_person(admin)
    assert "Kofi Mensah" in client.get(f"/roles/{roles['viewer'].public_id}/people/").text
    assignment.ends_at = timezone.now()
    assignment.save(update_fields=["ends_at"])
    assert "Kofi Mensah" not in client.get(f"/roles/{roles['viewer'].public_id}/people/").text
