from __future__ import annotations

from django.test import Client

from accounts.models import User
from rbac.actions import create_role
from rbac.models import Role
from rbac.role_map import current_role_map
from tests.rbac.conftest import AsPerson, MakePerson, Roles


def test_a_clone_begins_with_what_its_source_has(as_person: AsPerson, admin: User, roles: Roles) -> None:
    source = roles["operator"]
    client = as_person(admin)
    page = client.get(f"/roles/{source.public_id}/clone/")
    form = page.context["form"]
    assert (form["name"].value(), form["priority"].value()) == ("Copy of Operator", 50)
    assert form["parent"].value() == source.parent_id
    assert set(form.chosen) == current_role_map().own[source.pk]
    assert "Not all of Operator could be copied" not in page.text
    assert "Talk with models: inherited from User" in page.text
    sent = {name: form[name].value() for name in ("name", "description", "priority", "parent")}
    answer = client.post(f"/roles/{source.public_id}/clone/", sent | {"permissions": list(form.chosen)})
    copy = Role.objects.get(name="Copy of Operator")
    assert answer["Location"] == f"/roles/{copy.public_id}/"
    assert (copy.system_key, copy.parent_id) == (None, source.parent_id)
    assert current_role_map().permissions(copy.pk) == current_role_map().permissions(source.pk)
    assert client.get(f"/roles/{source.public_id}/clone/").context["form"]["name"].value() == "Copy of Operator 2"


def test_what_cannot_be_copied_is_said(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    create_role(actor=None, name="Maker", priority=70, permissions=["roles.read", "roles.write", "audit.read"])
    source = create_role(
        actor=None, name="High", priority=90, parent=roles["operator"], permissions=["audit.read", "users.read"]
    )
    client = as_person(person("maker"))
    page = client.get(f"/roles/{source.public_id}/clone/")
    form = page.context["form"]
    assert (form["priority"].value(), form["parent"].value(), list(form.chosen)) == (69, None, ["audit.read"])
    assert "Not all of High could be copied" in page.text
    assert "It inherits nothing: Operator grants what you do not have yourself." in page.text
    assert "Its priority is 69, not 90, which is beyond your reach." in page.text
    assert "users:read" in page.text
    sent = {"name": "Low", "priority": "69", "permissions": list(form.chosen)}
    assert client.post(f"/roles/{source.public_id}/clone/", sent).status_code == 302
    assert current_role_map().own[Role.objects.get(name="Low").pk] == {"audit.read"}


def test_a_clone_asks_for_what_its_lost_parent_asked(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    create_role(actor=None, name="Maker", priority=70, permissions=["roles.read", "roles.write", "audit.read"])
    strict = create_role(actor=None, name="Strict", priority=20, permissions=["users.read"], requires_factor=True)
    source = create_role(actor=None, name="Child", priority=20, parent=strict)
    form = as_person(person("maker")).get(f"/roles/{source.public_id}/clone/").context["form"]
    assert (form["parent"].value(), form["requires_factor"].value()) == (None, True)


def test_more_than_one_holds_is_refused_however_it_is_sent(
    as_person: AsPerson, person: MakePerson, roles: Roles
) -> None:
    create_role(actor=None, name="Maker", priority=70, permissions=["roles.read", "roles.write"])
    client = as_person(person("maker"))
    sent = {"name": "More", "priority": "10", "permissions": ["settings.reveal"]}
    page = client.post(f"/roles/{roles['admin'].public_id}/clone/", sent)
    assert page.status_code == 422
    assert "You cannot give what you do not have yourself" in page.text
    assert not Role.objects.filter(name="More").exists()


def test_a_long_name_is_cut_and_a_name_that_looks_taken_left_alone(
    as_person: AsPerson, admin: User, roles: Roles
) -> None:
    source = create_role(actor=None, name="x" * 60)
    client = as_person(admin)
    name = client.get(f"/roles/{source.public_id}/clone/").context["form"]["name"].value()
    assert name == "Copy of " + "x" * 52
    create_role(actor=None, name=name)
    again = client.get(f"/roles/{source.public_id}/clone/").context["form"]["name"].value()
    assert (len(again), again[-2:]) == (60, " 2")


def test_who_may_clone(client: Client, as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    url = f"/roles/{roles['viewer'].public_id}/clone/"
    assert client.get(url)["Location"].startswith("/login/")
    assert as_person(person("manager")).get(url).status_code == 403
    create_role(actor=None, name="Blind", priority=50, permissions=["roles.write"])
    assert as_person(person("blind")).get(url).status_code == 403
