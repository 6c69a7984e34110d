"""One's own history: all of it, in words, and nothing of anybody else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import actions
from accounts.history import Kind, tells, worded
from accounts.models import Session, User
from rbac.actions import assign_role, revoke_role
from settings_store import audit
from settings_store.circumstances import circumstances
from tests.accounts.passkeys import passkey_of
from tests.factories import PASSWORD, client_of, make_user, role_named

URL = "/profile/history/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def rows(client: Client, query: str = "") -> list[list[str]]:
    """The cells of each line, as they are read."""
    page = client.get(URL + query).content.decode()
    body = page.partition("<tbody")[2].partition("</tbody>")[0]
    found = []
    for row in re.findall(r"<tr role=\"row\">(.*?)</tr>", body, re.DOTALL):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        found.append([" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells])
    return found


def told(client: Client, query: str = "") -> list[str]:
    return [row[0] for row in rows(client, query)]


def test_what_one_did_oneself(person: User) -> None:
    client = Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="10.4.2.18")
    client.post("/login/", {"username": "ana.ruiz", "password": "wrong"})
    client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD})
    client.post("/step-up/", {"password": PASSWORD})
    client.post(
        "/profile/", {"full_name": "Ana R.", "bio": "", "language": "en", "time_zone": "UTC", "theme": "system"}
    )
    found = rows(client)
    assert [row[0] for row in found] == [
        "Changed: full name, preferences",
        "Confirmed with password that it is you",
        "Signed in with password, from a device not seen before",
        "Sign-in refused: password",
    ]
    assert [row[2] for row in found] == ["you", "you", "you", "–"]
    assert {tuple(row[3:]) for row in found} == {("Firefox 145 on Linux", "10.4.2.18")}


def test_what_others_did_names_them_and_not_where_they_were(person: User, manager: User) -> None:
    client_of(person)
    with circumstances(address="192.0.2.77", user_agent=FIREFOX):
        assign_role(actor=manager, user=person, role=role_named("viewer"), reason="secret plans")
        revoke_role(actor=manager, user=person, role=role_named("viewer"), reason="secret plans")
        actions.update_user(actor=manager, user=person, supervisor=manager)
        actions.revoke_session(actor=manager, session=Session.objects.get(user=person))
        actions.deactivate_user(actor=manager, user=person, reason="secret plans")
        actions.activate_user(actor=manager, user=person)
    client = client_of(person)
    found = rows(client)
    assert [row[0] for row in found] == [
        "Account activated",
        "Account deactivated",
        "Unknown device signed out",
        "Changed: supervisor",
        "Role ended: Viewer",
        "Role assigned: Viewer",
    ]
    assert {tuple(row[2:]) for row in found} == {("Lena Vogt", "", "")}
    page = client.get(URL).content.decode()
    assert "192.0.2.77" not in page
    assert "secret plans" not in page


def test_until_when_a_role_was_given(person: User, manager: User) -> None:
    assign_role(actor=manager, user=person, role=role_named("viewer"), ends_at=timezone.now() + timedelta(days=3))
    assert re.match(r"Role assigned: Viewer, until \d", told(client_of(person))[0])


def test_who_acted_as_one_is_named(person: User, admin: User) -> None:
    with circumstances(impersonator=admin, address="192.0.2.77"):
        actions.update_profile(actor=person, bio="Hello")
    ((words, _when, by, device, address),) = rows(client_of(person))
    assert (words, by, device, address) == ("Changed: about you", "Maren Holt, acting as you", "", "")


def test_an_act_of_the_system_within_an_admins_request_shows_no_address(admin: User) -> None:
    with circumstances(address="192.0.2.77", user_agent=FIREFOX):
        person = actions.create_user(actor=admin, username="new", email="new@example.org", password=PASSWORD)
    assert "192.0.2.77" not in client_of(person).get(URL, follow=True).content.decode()
    User.objects.update(must_change_password=False)
    assert {tuple(row[2:]) for row in rows(client_of(person))} <= {("Gatehouse", "", ""), ("Maren Holt", "", "")}


def test_factors_by_their_names(person: User) -> None:
    passkey_of(person, name="Blue key")
    assert "Set up: passkey “Blue key”" in told(client_of(person))


def test_nobody_elses(person: User, as_person: Client) -> None:
    other = make_user()
    passkey_of(other)
    assert told(as_person) == []
    assert "Nothing noted yet" in as_person.get(URL).content.decode()


def test_it_needs_no_right(db: None) -> None:
    person = make_user(role=None)
    assert client_of(person).get(URL).status_code == 200
    assert Client().get(URL).status_code == 302
    assert client_of(person).post(URL).status_code == 405


def test_one_kind_alone(person: User, manager: User) -> None:
    client = client_of(person)
    client.post("/step-up/", {"password": PASSWORD})
    assign_role(actor=manager, user=person, role=role_named("viewer"))
    assert told(client, "?kind=role") == ["Role assigned: Viewer"]
    assert told(client, "?kind=sign-in") == ["Confirmed with password that it is you"]
    assert told(client, "?kind=refused") == []
    assert "Nothing of this kind" in client.get(f"{URL}?kind=refused").content.decode()


@pytest.mark.parametrize("query", ["?kind=%00", "?kind=nothing", "?after=x", "?before=-1", "?after=" + "9" * 40])
def test_odd_questions_show_everything(person: User, query: str) -> None:
    client = client_of(person)
    client.post("/step-up/", {"password": PASSWORD})
    assert len(told(client, query)) == 1


def test_many_are_paged_and_cost_no_more(person: User) -> None:
    client = client_of(person)
    client.post("/step-up/", {"password": PASSWORD})
    client.get(URL)
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    for number in range(120):
        actions.update_profile(actor=person, bio=str(number))
    with CaptureQueriesContext(connection) as many:
        assert len(told(client)) == 50
    assert len(many) == len(few)
    older = re.findall(r'href="(\?after=\d+)"', client.get(URL).content.decode())[0]
    last = re.findall(r'href="(\?after=\d+)"', client.get(URL + older).content.decode())[0]
    assert len(told(client, older)) == 50
    assert len(told(client, last)) == 21


def test_an_act_without_words_is_told_all_the_same(person: User, admin: User) -> None:
    with transaction.atomic():
        audit.record("thing.happened", actor=admin, target=person, after={"secret": "x"}, reason="why")
    ((words, *_rest),) = rows(client_of(person))
    assert words == "Noted about your account: thing.happened"


def test_every_act_upon_people_has_words() -> None:
    """Whatever is recorded about a person and their sessions anywhere on these floors."""
    recorded = set()
    for floor in ("accounts", "rbac"):
        for path in (settings.BASE_DIR / floor / "actions").glob("*.py"):
            recorded |= set(
                re.findall(
                    r'"((?:session|password|factor|device|user|invitation|identity|impersonation)\.\w+)"',
                    path.read_text(),
                )
            )
    assert len(recorded) > 30
    assert recorded - worded() == set()


def test_two_functions_for_one_act_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two functions"):
        tells("session.signed_in", kind=Kind.SIGN_IN)(lambda facts, providers: "")


def test_markup_in_names_stays_text(person: User, manager: User) -> None:
    User.objects.filter(pk=manager.pk).update(full_name="<script>alert(1)</script>")
    manager.refresh_from_db()
    assign_role(actor=manager, user=person, role=role_named("viewer"))
    assert "<script>alert" not in client_of(person).get(URL).content.decode()
