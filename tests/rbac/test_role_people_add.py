from __future__ import annotations

import pytest

from accounts.models import User
from rbac.actions import assign_role, create_role
from rbac.models import Assignment
from settings_store.models import AuditEvent
from tests.rbac.conftest import AsPerson, MakePerson, Roles
from tests.rbac.test_role_people import people_url


def test_several_by_username_and_email(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    ana, ben, cleo = person(), person(), person()
    url = people_url(roles["viewer"], "add/")
    client = as_person(admin)
    assert client.get(url).status_code == 200
    sent = {
        "people": f" {ana.username.upper()} \r\n\r\n{ben.email}\n",
        "person": [cleo.username],
        "reason": "Audit",
        "ends_at": "2998-01-01T00:00",
    }
    done = client.post(url, sent, follow=True)
    assert done.redirect_chain[-1][0] == people_url(roles["viewer"])
    assert "3 people now hold Viewer" in done.text
    held = Assignment.objects.counting().filter(role=roles["viewer"], reason="Audit", assigned_by=admin)
    assert set(held.values_list("user_id", flat=True)) == {ana.pk, ben.pk, cleo.pk}


def test_all_or_none_and_every_line_is_named(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    ana, holder = person(full_name="Ana Ruiz"), person("viewer", full_name="Kofi Mensah")
    client, url, before = as_person(admin), people_url(roles["viewer"], "add/"), AuditEvent.objects.count()
    page = client.post(url, {"people": f"{ana.username}\nnobody\n{ana.email}\n<b>\n", "reason": "Audit"})
    assert page.status_code == 422
    assert page.context["form"].errors["people"] == [
        "There is nobody called “nobody” that you may see.",
        "There is nobody called “<b>” that you may see.",
    ]
    assert "2 things to put right:" in page.text
    # Nothing typed is lost.
    assert 'value="Audit"' in page.text
    assert f"{ana.username}\nnobody" in page.text
    assert AuditEvent.objects.count() == before
    # Ticked and typed, she is one person, and whoever holds it already keeps it as it is.
    sent = {"person": [ana.username], "people": f"{ana.email}\n{holder.username}", "reason": "Audit"}
    done = client.post(url, sent, follow=True)
    assert "1 person now holds Viewer. Unchanged, for they held it already: Kofi Mensah." in done.text
    assert Assignment.objects.get(user=ana).reason == "Audit"
    assert Assignment.objects.get(user=holder).reason == ""
    done = client.post(url, {"people": holder.username}, follow=True)
    assert "Unchanged, for they held it already: Kofi Mensah." in done.text


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({}, "Name at least one person."),
        ({"people": " \n "}, "Name at least one person."),
        ({"people": "\n".join(f"p{number}" for number in range(101))}, "these are 101."),
        ({"people": "a\x00b"}, "Null characters are not allowed."),
        ({"people": "x" * 30_000}, "At most 25600 characters"),
        ({"people": "ana", "ends_at": "2001-01-01T00:00"}, "The end must lie in the future."),
        ({"people": "ana", "starts_at": "2998-01-02T00:00", "ends_at": "2998-01-01T00:00"}, "after the beginning"),
        ({"people": "ana", "starts_at": "never"}, "Write a date and a time"),
        ({"person": ["ana@\u2028.org", "x" * 999]}, "There is nobody called"),
    ],
)
def test_what_does_not_fit_is_said(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles, sent: dict[str, str], sentence: str
) -> None:
    page = as_person(admin).post(people_url(roles["viewer"], "add/"), sent)
    assert page.status_code == 422
    assert sentence in page.text
    assert not Assignment.objects.filter(role=roles["viewer"]).exists()


def test_whom_one_cannot_see_is_nobody(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    keeper = create_role(
        actor=None,
        name="Keeper",
        priority=50,
        parent=roles["user"],
        permissions=["users.read", "users.write", "roles.read"],
    )
    actor = person()
    assign_role(actor=None, user=actor, role=keeper)
    below, stranger = person(supervisor=actor), person()
    client, url = as_person(actor), people_url(roles["guest"], "add/")
    page = client.post(url, {"people": f"{below.username}\n{stranger.username}"})
    assert page.context["form"].errors["people"] == [f"There is nobody called “{stranger.username}” that you may see."]
    assert client.post(url, {"people": below.username}).status_code == 302
    # What is beyond their reach is not given at all.
    assert client.get(people_url(roles["manager"], "add/")).status_code == 403
    assert client.get(people_url(roles["viewer"], "add/")).status_code == 403


def test_people_are_found_by_what_is_typed(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    ana, holder = person(full_name="Ana Ruiz"), person("viewer", full_name="Anatol Berg")
    ticked = person(full_name="Kofi Mensah")
    client, url = as_person(admin), people_url(roles["viewer"], "add/")
    part = client.get(f"{url}?words=ana&person={ticked.username}", headers={"HX-Request": "true", "HX-Target": "found"})
    assert "<html" not in part.text
    assert part.text.index("Kofi Mensah") < part.text.index("Ana Ruiz")
    assert f'value="{ticked.username}" checked' in part.text
    assert f'value="{ana.username}">' in part.text
    assert f'value="{holder.username}" disabled' in part.text
    # Without scripts the button does the same, and what was typed stays.
    page = client.post(url, {"words": "ana", "look": "1", "person": ticked.username, "reason": "Audit", "people": "x"})
    assert page.status_code == 200
    assert f'value="{ana.username}">' in page.text
    assert f'value="{ticked.username}" checked' in page.text
    assert 'value="Audit"' in page.text
    assert not Assignment.objects.filter(user=ticked).exists()


def test_a_power_asks_for_the_password_first(as_person: AsPerson, admin: User, roles: Roles) -> None:
    url = people_url(roles["admin"], "add/")
    assert as_person(admin).get(url)["Location"].startswith("/step-up/")
    assert as_person(admin, stepped_up=True).get(url).status_code == 200


def test_who_may_not_is_refused(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    client, url = as_person(person("supervisor")), people_url(roles["guest"], "add/")
    assert client.get(url).status_code == 403
    assert client.post(url, {"people": "x"}).status_code == 403
    assert as_person(person("manager")).put(url).status_code == 405
