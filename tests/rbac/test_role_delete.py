from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import IdentityProvider, User
from rbac.actions import assign_role, create_role, revoke_role
from rbac.models import ClaimRole, Role
from tests.rbac.conftest import AsPerson, MakePerson, Roles


def test_who_holds_it_is_named_and_stands_in_the_way(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    role = create_role(actor=None, name="Held")
    person("held", full_name="Ana Ruiz")
    later = person(full_name="Kofi Mensah")
    assign_role(actor=None, user=later, role=role, starts_at=timezone.now() + timedelta(days=1))
    url = f"/roles/{role.public_id}/delete/"
    page = as_person(admin).get(url)
    assert page.status_code == 200
    assert "Ana Ruiz" in page.text
    assert "Kofi Mensah" in page.text
    assert "Delete role</button>" not in page.text
    page = as_person(admin).post(url)
    assert page.status_code == 409
    assert "People hold this role" in page.text
    assert Role.objects.filter(pk=role.pk).exists()


def test_heirs_stand_in_the_way_and_claims_go_along(as_person: AsPerson, admin: User) -> None:
    base = create_role(actor=None, name="Base")
    heir = create_role(actor=None, name="Heir", parent=base)
    provider = IdentityProvider.objects.create(name="Keystone", slug="keystone", issuer="https://id.example.org")
    ClaimRole.objects.create(provider=provider, value="staff", role=heir)
    client = as_person(admin)
    page = client.get(f"/roles/{base.public_id}/delete/").text
    assert "These roles inherit from it" in page
    assert f"/roles/{heir.public_id}/" in page
    assert "staff" in client.get(f"/roles/{heir.public_id}/delete/").text
    assert client.post(f"/roles/{heir.public_id}/delete/", {"confirm": "Heir"})["Location"] == "/roles/"
    assert not ClaimRole.objects.exists()
    assert client.post(f"/roles/{base.public_id}/delete/", {"confirm": "Base"})["Location"] == "/roles/"


def test_who_is_out_of_sight_is_counted_alone(as_person: AsPerson, person: MakePerson) -> None:
    create_role(actor=None, name="Sweeper", priority=50, permissions=["roles.read", "roles.delete"])
    role = create_role(actor=None, name="Held")
    person("held", full_name="Ana Ruiz")
    page = as_person(person("sweeper")).get(f"/roles/{role.public_id}/delete/").text
    assert "Ana Ruiz" not in page
    assert "1 person out of your sight" in page


def test_system_roles_and_those_beyond_reach_stay(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    create_role(actor=None, name="Sweeper", priority=50, permissions=["roles.read", "roles.delete"])
    high = create_role(actor=None, name="High", priority=50)
    client = as_person(person("sweeper"))
    page = client.get(f"/roles/{roles['guest'].public_id}/delete/")
    assert "A system role cannot be deleted." in page.text
    assert "Delete role</button>" not in page.text
    assert client.post(f"/roles/{roles['guest'].public_id}/delete/").status_code == 409
    assert client.post(f"/roles/{high.public_id}/delete/").status_code == 409
    assert Role.objects.filter(pk__in=[high.pk, roles["guest"].pk]).count() == 2


def test_a_role_gone_meanwhile(as_person: AsPerson, admin: User) -> None:
    role = create_role(actor=None, name="Brief")
    client = as_person(admin)
    assert client.post(f"/roles/{role.public_id}/delete/", {"confirm": "Brief"}).status_code == 302
    assert client.post(f"/roles/{role.public_id}/delete/", {"confirm": "Brief"}).status_code == 404


def test_what_cannot_be_undone_asks_for_the_name(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    role = create_role(actor=None, name="Tester")
    revoke_role(actor=None, user=person("tester"), role=role)
    client, url = as_person(admin), f"/roles/{role.public_id}/delete/"
    page = client.get(url).text
    assert "Nobody holds Tester. This cannot be undone." in page
    assert "1 earlier assignment leaves the pages of people with it; the audit trail keeps it." in page
    for typed in ({}, {"confirm": "tester"}):
        assert client.post(url, typed).status_code == 422
    assert Role.objects.filter(pk=role.pk).exists()
    assert client.post(url, {"confirm": "Tester"})["Location"] == "/roles/"
