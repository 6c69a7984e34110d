"""The form of a role: what it shows, what it asks before it saves, and what it says of what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rbac.actions import assign_role, create_role
from rbac.models import Role
from rbac.role_map import current_role_map
from settings_store.models import AuditEvent
from tests.rbac.conftest import AsPerson, MakePerson, Roles, save_role


@pytest.fixture
def reader(roles: Roles) -> Role:
    return create_role(actor=None, name="Reader", priority=15, permissions=["audit.read", "usage.read"])


def sent(role: Role, *permissions: str, **changes: Any) -> dict[str, Any]:
    facts = {"name": role.name, "description": role.description, "priority": role.priority, "parent": ""}
    return {**facts, "version": role.version, "permissions": list(permissions), **changes}


def url(role: Role, act: str = "edit") -> str:
    return f"/roles/{role.public_id}/{act}/"


def test_locked_boxes_are_not_sent_and_stay(as_person: AsPerson, admin: User, roles: Roles) -> None:
    viewer = roles["viewer"]
    client = as_person(admin)
    page = client.get(url(viewer)).text
    assert page.count(" checked data-saved disabled") >= 3
    save_role(client, viewer, {"description": "Looks on", "permissions": ["usage.read"]})
    assert current_role_map().own[viewer.pk] == {"settings.read", "flags.read", "audit.read", "usage.read"}
    viewer.refresh_from_db()
    assert (viewer.name, viewer.priority, viewer.description) == ("Viewer", 20, "Looks on")


def test_what_reaches_nobody_is_saved_at_once(as_person: AsPerson, admin: User, reader: Role) -> None:
    answer = as_person(admin).post(url(reader), sent(reader, "audit.read"))
    assert answer["Location"] == f"/roles/{reader.public_id}/"
    assert current_role_map().own[reader.pk] == {"audit.read"}
    reader.refresh_from_db()
    assert reader.version == 2


def test_whom_it_reaches_is_shown_before_it_is_saved(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles, reader: Role
) -> None:
    for name in ("Ana Ruiz", "Elif Demir"):
        person("reader", full_name=name)
    keeper = person("reader", full_name="Maren Keeps")
    assign_role(actor=None, user=keeper, role=roles["viewer"])
    client, form = as_person(admin), sent(reader, "usage.read", "chat.use", description="Reads on")
    page = client.post(url(reader), form)
    assert page.status_code == 200
    assert "This changes what 3 people may do" in page.text
    for words in ("Ana Ruiz", "Elif Demir", "audit:read", "chat:use", "through Viewer", "Reads on"):
        assert words in page.text
    assert 'name="permissions" value="chat.use"' in page.text
    assert current_role_map().own[reader.pk] == {"audit.read", "usage.read"}
    assert not AuditEvent.objects.filter(action="role.updated").exists()
    answer = client.post(url(reader), {**form, "reviewed": page.context["outcome"].print})
    assert answer["Location"] == f"/roles/{reader.public_id}/"
    assert current_role_map().own[reader.pk] == {"usage.read", "chat.use"}
    event = AuditEvent.objects.get(action="role.updated")
    assert (event.actor_id, event.before) == (
        admin.pk,
        {"description": "", "permissions": ["audit.read", "usage.read"]},
    )


def test_a_yes_is_good_for_what_was_seen_alone(
    as_person: AsPerson, admin: User, person: MakePerson, reader: Role
) -> None:
    person("reader")
    client = as_person(admin)
    agreed = client.post(url(reader), sent(reader, "usage.read")).context["outcome"].print
    page = client.post(url(reader), sent(reader, "usage.read", "chat.use") | {"reviewed": agreed})
    assert page.status_code == 200
    assert "Look again" in page.text
    assert current_role_map().own[reader.pk] == {"audit.read", "usage.read"}


def test_back_to_the_form_loses_nothing(as_person: AsPerson, admin: User, person: MakePerson, reader: Role) -> None:
    person("reader")
    page = as_person(admin).post(url(reader), sent(reader, "chat.use", name="Rea", description="New") | {"back": "1"})
    assert page.status_code == 200
    assert 'value="Rea"' in page.text
    assert 'value="New"' in page.text
    assert 'value="chat.use" checked>' in page.text
    assert 'value="audit.read" data-saved' in page.text
    assert current_role_map().own[reader.pk] == {"audit.read", "usage.read"}


def test_another_parent_shows_what_it_brings(as_person: AsPerson, admin: User, roles: Roles, reader: Role) -> None:
    form = sent(reader, "audit.read", priority=60, parent=roles["operator"].pk, name="")
    page = as_person(admin).post(url(reader), form | {"show": "1"})
    assert page.status_code == 200
    assert "Change settings: inherited from Operator" in page.text
    assert page.context["form"].errors == {}
    # Saved as its own, unticked and inherited by then: the box stays, so that it can come back.
    assert 'value="usage.read" data-saved' in page.text


def test_whoever_changes_their_own_rights_is_told(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    role = create_role(
        actor=None, name="Chief", priority=90, permissions=["roles.read", "roles.write", "roles.admin", "users.read"]
    )
    chief = person("chief")
    page = as_person(chief).post(url(role), sent(role, "roles.read", "users.read"))
    assert "This changes your own rights." in page.text
    assert "roles:write" in page.text


def test_nobody_out_of_sight_is_named(as_person: AsPerson, person: MakePerson, roles: Roles, reader: Role) -> None:
    create_role(actor=None, name="Editor", priority=50, permissions=["roles.write", "audit.read", "usage.read"])
    person("reader", full_name="Ana Ruiz")
    client = as_person(person("editor"))
    for answer in (
        client.post(url(reader), sent(reader, "usage.read")),
        client.post(url(reader, "affected"), sent(reader, "usage.read")),
    ):
        assert "1 person out of your sight" in answer.text
        assert "Ana Ruiz" not in answer.text


def test_asking_for_a_factor_says_who_has_none(
    as_person: AsPerson, admin: User, person: MakePerson, reader: Role
) -> None:
    person("reader", full_name="Ana Ruiz")
    form = sent(reader, "audit.read", "usage.read", requires_factor="on")
    page = as_person(admin).post(url(reader), form)
    assert "1 person has no second factor yet" in page.text
    assert "Ana Ruiz" in page.text
    save_role(as_person(admin), reader, form)
    reader.refresh_from_db()
    assert reader.requires_factor


def test_the_line_above_the_button_follows(as_person: AsPerson, admin: User, person: MakePerson, reader: Role) -> None:
    person("reader")
    client = as_person(admin)
    assert (
        "Nothing is changed yet." in client.post(url(reader, "affected"), sent(reader, "audit.read", "usage.read")).text
    )
    said = client.post(url(reader, "affected"), sent(reader, "audit.read", "chat.use")).text
    assert "This changes what 1 person may do." in said
    assert "usage:read" in said
    assert "chat:use" in said
    assert "<html" not in said
    assert "There is no permission" in client.post(url(reader, "affected"), sent(reader, "nothing.at_all")).text
    stale = sent(reader, "chat.use", version=7)
    assert "Somebody has changed this role" in client.post(url(reader, "affected"), stale).text
    assert current_role_map().own[reader.pk] == {"audit.read", "usage.read"}


def test_the_line_says_what_would_be_refused(
    as_person: AsPerson, person: MakePerson, roles: Roles, reader: Role
) -> None:
    create_role(actor=None, name="Editor", priority=50, permissions=["roles.write", "audit.read"])
    said = as_person(person("editor")).post(url(reader, "affected"), sent(reader, "chat.use")).text
    assert "You cannot give what you do not have yourself: Talk with models." in said


def test_an_older_form_is_told_and_loses_nothing(as_person: AsPerson, admin: User, reader: Role) -> None:
    client, mine = as_person(admin), sent(reader, "chat.use", "usage.read", name="Mine")
    assert client.post(url(reader), sent(reader, "audit.read", "flags.read", name="Theirs")).status_code == 302
    page = client.post(url(reader), mine)
    assert page.status_code == 409
    assert "Somebody changed this role meanwhile" in page.text
    assert page.context["conflict"]["facts"] == [("Name", "Theirs", "Mine")]
    assert [str(each) for each in page.context["conflict"]["theirs"]] == ["flags:read", "audit:read"]
    assert [str(each) for each in page.context["conflict"]["mine"]] == ["chat:use", "usage:read"]
    assert 'value="Mine"' in page.text
    assert 'value="chat.use" checked>' in page.text
    assert 'value="flags.read" data-saved' in page.text
    assert Role.objects.get(pk=reader.pk).name == "Theirs"
    # The form says now that the newer state was seen.
    again = {**mine, "version": page.context["form"]["version"].value()}
    assert client.post(url(reader), again).status_code == 302
    assert Role.objects.get(pk=reader.pk).name == "Mine"


def test_the_same_twice_is_one_edit(as_person: AsPerson, admin: User, reader: Role) -> None:
    client, form = as_person(admin), sent(reader, "audit.read")
    assert client.post(url(reader), form).status_code == 302
    page = client.post(url(reader), form, follow=True)
    assert "Nothing changed" in page.text
    assert AuditEvent.objects.filter(action="role.updated").count() == 1


@pytest.mark.parametrize("version", [None, "", "x", "٣x", "1.5"])
def test_a_form_that_says_no_state_saves_nothing(
    as_person: AsPerson, admin: User, reader: Role, version: str | None
) -> None:
    form = sent(reader, "audit.read") | {"version": version}
    if version is None:
        del form["version"]
    page = as_person(admin).post(url(reader), form)
    assert page.status_code == 422
    assert "Open the page anew" in page.text
    assert current_role_map().own[reader.pk] == {"audit.read", "usage.read"}


def test_what_does_not_fit_is_said_where_it_stands(
    as_person: AsPerson, admin: User, roles: Roles, reader: Role
) -> None:
    heir = create_role(actor=None, name="Heir", priority=15, parent=reader)
    client = as_person(admin)
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"parent": reader.pk}, "parent", "A role cannot inherit from itself, nor from one that inherits from it."),
        ({"parent": heir.pk}, "parent", "A role cannot inherit from itself, nor from one that inherits from it."),
        ({"parent": "99999"}, "parent", "There is no such role any more. Choose another one."),
        ({"parent": roles["operator"].pk}, "parent", "A role inherits only from one of the same or a lower priority."),
        ({"priority": 16}, "priority", "A role that inherits from it has a lower priority than this."),
        ({"priority": 101}, "priority", "Your rank reaches roles up to priority 100."),
        ({"name": "Viewer"}, "name", "There is a role of this name already."),
        ({"permissions": ["no.such"]}, "permissions", "There is no permission “no.such”."),
    ]
    for change, field, sentence in cases:
        page = client.post(url(reader), sent(reader, "audit.read") | change)
        assert (page.status_code, page.context["form"].errors[field]) == (422, [sentence])
        assert sentence in page.text
    assert Role.objects.get(pk=reader.pk).version == 1


def test_a_parent_gone_meanwhile_is_said(as_person: AsPerson, admin: User, reader: Role) -> None:
    gone = create_role(actor=None, name="Gone", priority=10)
    form = sent(reader, "audit.read", parent=gone.pk)
    client = as_person(admin)
    client.post(url(gone, "delete"), {"confirm": "Gone"})
    assert client.post(url(reader), form).context["form"].errors["parent"] == [
        "There is no such role any more. Choose another one."
    ]


def test_powers_ask_for_the_password_before_the_review(
    as_person: AsPerson, admin: User, person: MakePerson, reader: Role
) -> None:
    person("reader")
    form = sent(reader, "audit.read", "roles.write")
    page = as_person(admin).post(url(reader), form)
    assert (page.status_code, "Confirm that it is you" in page.text) == (422, True)
    assert 'value="roles.write" checked' in page.text
    page = as_person(admin, stepped_up=True).post(url(reader), form)
    assert "This changes what 1 person may do" in page.text


def test_a_rank_that_changes_is_shown_and_asks_for_the_password(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles, reader: Role
) -> None:
    person("reader", full_name="Ana Ruiz")
    for key in ("viewer", "user", "user", "manager"):
        person(key)
    form = sent(reader, "audit.read", "usage.read", priority=60)
    assert "in a new tab" in as_person(admin).post(url(reader), form).text
    page = as_person(admin, stepped_up=True).post(url(reader), form)
    assert "Its people stand above 3 more people from now on, whose highest role is: User, Viewer." in page.text
    assert "rank 15 → 60" in page.text
    assert page.text.count("Ana Ruiz") == 1
    assert save_role(as_person(admin, stepped_up=True), reader, form).status_code == 302
    reader.refresh_from_db()
    page = as_person(admin).post(url(reader), sent(reader, "audit.read", "usage.read", priority=30))
    assert "Its people no longer stand above 2 people, whose highest role is: User." in page.text


def test_what_changes_is_said_once(as_person: AsPerson, admin: User, person: MakePerson, reader: Role) -> None:
    person("reader")
    page = as_person(admin).post(url(reader), sent(reader, "usage.read")).text
    assert page.count(">− audit:read<") + page.count(">audit:read<") == 1
    assert "all of this" in page
    assert page.count("Nothing is saved yet.") == 1


def test_strangers_and_those_beyond_reach(
    client: Client, as_person: AsPerson, person: MakePerson, roles: Roles, reader: Role
) -> None:
    for act in ("edit", "affected"):
        assert client.post(url(reader, act), sent(reader))["Location"].startswith("/login/")
    create_role(actor=None, name="Editor", priority=50, permissions=["roles.write"])
    editor = as_person(person("editor"))
    peer = create_role(actor=None, name="Peer", priority=50)
    for act in ("edit", "affected"):
        assert editor.post(url(peer, act), sent(peer)).status_code == 403
        assert editor.post(url(roles["admin"], act), {}).status_code == 403
    outsider = as_person(person("manager"))
    assert outsider.get(url(reader)).status_code == 403
    assert outsider.post(url(reader, "affected"), sent(reader)).status_code == 403
