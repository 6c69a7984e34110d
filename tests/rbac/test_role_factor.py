"""Roles that ask for a second factor: who may say so, whom it reaches, and from when on."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import User
from rbac.actions import assign_role, create_role, update_role
from rbac.models import Role
from settings_store.models import AuditEvent
from tests.factories import client_of
from tests.rbac.conftest import READER, AsPerson, MakePerson, Roles, save_role


def demand(role: Role, *, asks: bool = True, actor: User | None = None) -> Role:
    kept = Role.objects.select_related("parent").get(pk=role.pk)
    return update_role(
        actor=actor,
        role=kept,
        name=kept.name,
        description=kept.description,
        priority=kept.priority,
        parent=kept.parent,
        permissions=list(kept.group.permissions.values_list("codename", flat=True)),
        requires_factor=asks,
    )


def test_a_change_counts_at_the_next_request(person: MakePerson, roles: Roles) -> None:
    holder = person("viewer")
    client = client_of(holder)
    assert client.get("/settings/").status_code == 200
    demand(roles["viewer"])
    assert client.get("/settings/")["Location"].startswith("/factor/")
    demand(roles["viewer"], asks=False)
    assert client.get("/settings/").status_code == 200


def test_what_a_parent_asks_its_heirs_ask_too(person: MakePerson, roles: Roles) -> None:
    holder = person()
    child = create_role(actor=None, name="Child", priority=25, parent=roles["viewer"])
    grandchild = create_role(actor=None, name="Grandchild", priority=25, parent=child)
    assign_role(actor=None, user=holder, role=grandchild)
    assert not User.objects.get(pk=holder.pk).must_have_factor
    demand(roles["viewer"])
    assert User.objects.get(pk=holder.pk).must_have_factor
    page = client_of(holder).get("/factor/").content.decode()
    assert "Your role asks for one: Viewer." in page


def test_it_is_set_in_the_form_and_told_by_the_trail(as_person: AsPerson, admin: User, roles: Roles) -> None:
    client = as_person(admin)
    client.post("/roles/new/", READER | {"requires_factor": "on"})
    reader = Role.objects.get(name="Reader")
    assert reader.requires_factor
    event = AuditEvent.objects.get(action="role.created", target_id=str(reader.public_id))
    assert event.after is not None
    assert event.after["requires_factor"] is True
    assert "asks for a second factor" in client.get(f"/roles/{reader.public_id}/").text
    assert "second factor</span>" in client.get("/roles/").text


def test_a_system_role_can_ask_too(as_person: AsPerson, admin: User, roles: Roles) -> None:
    guest = roles["guest"]
    save_role(as_person(admin), guest, {"description": guest.description, "requires_factor": "on"})
    guest.refresh_from_db()
    assert guest.requires_factor
    event = AuditEvent.objects.get(action="role.updated", target_id=str(guest.public_id))
    assert event.after is not None
    assert event.after["requires_factor"] is True


def test_asking_no_more_wants_a_fresh_proof(as_person: AsPerson, admin: User, roles: Roles) -> None:
    guest = demand(roles["guest"])
    sent = {"description": guest.description, "version": guest.version}
    client = as_person(admin)
    session = client.session
    session["factor"] = "app"
    session.save()
    assert "Confirm that it is you" in client.post(f"/roles/{guest.public_id}/edit/", sent).text
    session["stepped_up_at"] = 2**40
    session.save()
    save_role(client, guest, sent)
    guest.refresh_from_db()
    assert not guest.requires_factor


def test_whoever_holds_the_role_is_warned(as_person: AsPerson, admin: User, roles: Roles) -> None:
    client = as_person(admin)
    assert "That is you too" in client.get(f"/roles/{roles['admin'].public_id}/edit/").text
    other = create_role(actor=None, name="Other")
    assert "That is you too" not in client.get(f"/roles/{other.public_id}/edit/").text


def test_nobody_takes_the_demand_from_those_above(person: MakePerson, roles: Roles) -> None:
    """What a lower role asks, roles beyond the actor's reach may inherit; taking it away would weaken them."""
    low = create_role(actor=None, name="Low", priority=20, permissions=[], requires_factor=True)
    create_role(actor=None, name="High", priority=90, parent=low)
    editor = create_role(actor=None, name="Editor", priority=50, permissions=["roles.read", "roles.write"])
    actor = person()
    assign_role(actor=None, user=actor, role=editor)
    with pytest.raises(PermissionDenied, match="beyond your reach"):
        demand(low, asks=False, actor=User.objects.get(pk=actor.pk))


def test_a_parent_that_asks_cannot_be_left_quietly(person: MakePerson, roles: Roles) -> None:
    low = create_role(actor=None, name="Low", priority=20, requires_factor=True)
    middle = create_role(actor=None, name="Middle", priority=20, parent=low)
    create_role(actor=None, name="High", priority=90, parent=middle)
    editor = create_role(actor=None, name="Editor", priority=50, permissions=["roles.read", "roles.write"])
    actor = person()
    assign_role(actor=None, user=actor, role=editor)
    with pytest.raises(PermissionDenied, match="beyond your reach"):
        update_role(
            actor=User.objects.get(pk=actor.pk),
            role=middle,
            name="Middle",
            description="",
            priority=20,
            parent=None,
            permissions=[],
        )
