from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import actions
from accounts.models import User
from rbac.models import Assignment
from settings_store.circumstances import circumstances
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user, role_named

type Post = Callable[[], list[EmailMessage]]


def url(user: User) -> str:
    return f"/users/{user.public_id}/edit/"


def sent(user: User, **changes: str) -> dict[str, str]:
    return {"username": user.username, "email": user.email, "full_name": user.full_name, "supervisor": "", **changes}


@pytest.fixture
def proved(as_manager: Client) -> Client:
    as_manager.post("/step-up/", {"password": PASSWORD})
    return as_manager


def test_details_change_and_the_trail_says_how(proved: Client, manager: User, person: User, trail: Trail) -> None:
    assert proved.post(url(person), sent(person, full_name="Ana R.", username="ana")).status_code == 302
    person.refresh_from_db()
    assert (str(person), person.username_key, person.name_key) == ("Ana R.", "ana", "ana r.")
    (event,) = trail.events
    assert event.before == {"username": "ana.ruiz", "full_name": "Ana Ruiz"}
    assert event.after == {"username": "ana", "full_name": "Ana R."}


def test_saving_the_same_changes_nothing(as_manager: Client, person: User, trail: Trail) -> None:
    before = person.updated_at
    as_manager.post(url(person), sent(person))
    person.refresh_from_db()
    assert (person.updated_at, trail.events) == (before, [])


def test_a_new_address_is_not_verified_and_the_old_one_is_told(proved: Client, person: User, post: Post) -> None:
    User.objects.filter(pk=person.pk).update(is_verified=True)
    proved.post(url(person), sent(person, email="else@example.org"))
    person.refresh_from_db()
    assert not person.is_verified
    (letter,) = post()
    assert letter.to == ["Ana.Ruiz@example.org"]
    assert "else@example.org" in str(letter.body)


def test_whoever_was_invited_to_a_wrong_address_is_told_nothing_there(proved: Client, post: Post) -> None:
    invited = make_user(invited_until=timezone.now() + timedelta(days=1), password=None)
    proved.post(url(invited), sent(invited, email="right@example.org"))
    assert User.objects.filter(email="right@example.org").exists()
    assert post() == []


@pytest.mark.parametrize("field", ["username", "email"])
def test_names_ask_who_sits_there(as_manager: Client, person: User, field: str) -> None:
    page = as_manager.get(url(person))
    assert f"/step-up/?next={quote(url(person), safe='')}" in page.content.decode()
    assert page.context["form"].fields[field].disabled
    answer = as_manager.post(
        url(person), sent(person, full_name="Kept", **{field: {"username": "new", "email": "new@example.org"}[field]})
    )
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert "Kept" in answer.content.decode()
    person.refresh_from_db()
    assert (person.username, person.email, person.full_name) == ("ana.ruiz", "Ana.Ruiz@example.org", "Ana Ruiz")


def test_nobody_changes_their_own_names_here(proved: Client, manager: User) -> None:
    assert "on your profile" in proved.get(url(manager)).content.decode()
    proved.post(url(manager), sent(manager, full_name="Lena V.", username="boss", email="boss@example.org"))
    manager.refresh_from_db()
    assert (manager.username, manager.email, manager.full_name) == ("lena", "lena@example.org", "Lena V.")
    with pytest.raises(ValidationError):
        actions.update_user(actor=manager, user=manager, email="boss@example.org")


def test_nobody_changes_names_while_acting_as_somebody(admin: User, manager: User, person: User) -> None:
    client = client_of(admin)
    client.post("/step-up/", {"password": PASSWORD})
    client.post(f"/users/{manager.public_id}/act-as/", {"reason": "A question of hers"})
    page = client.get(url(person))
    assert page.context["user"] == manager
    assert page.context["form"].fields["email"].disabled
    client.post(url(person), sent(person, full_name="Ana R.", email="mine@example.org"))
    person.refresh_from_db()
    assert (person.email, person.full_name) == ("Ana.Ruiz@example.org", "Ana R.")
    with circumstances(impersonator=admin), pytest.raises(ValidationError):
        actions.update_user(actor=manager, user=person, email="mine@example.org")


@pytest.mark.parametrize("role", ["operator", "supervisor"])
def test_names_of_whoever_may_more_stay_and_the_rest_changes(proved: Client, role: str) -> None:
    other = make_user(role=role)
    assert "may do what you may not" in proved.get(url(other)).content.decode()
    assert proved.post(url(other), sent(other, full_name="Ana R.", email="mine@example.org")).status_code == 302
    other.refresh_from_db()
    assert (other.full_name, other.email) == ("Ana R.", f"{other.username}@example.org")


def test_what_was_promised_counts_as_well(manager: User, person: User) -> None:
    begins = timezone.now() + timedelta(days=1)
    Assignment.objects.create(user=person, role=role_named("operator"), starts_at=begins)
    with pytest.raises(ValidationError, match="may do what you may not"):
        actions.update_user(actor=manager, user=person, username="mine")
    assert actions.update_user(actor=manager, user=person, full_name="Ana R.").full_name == "Ana R."


@pytest.mark.parametrize("field", ["username", "email"])
def test_names_of_others_are_refused(proved: Client, manager: User, person: User, field: str) -> None:
    taken = getattr(manager, field).upper()
    answer = proved.post(url(person), sent(person, **{field: taken}))
    assert "looks the same" in answer.content.decode()


def test_a_circle_of_supervisors_is_refused(as_admin: Client, person: User) -> None:
    below = make_user(username="below", supervisor=person)
    deeper = make_user(username="deeper", supervisor=below)
    for name in ("ana.ruiz", "below", "deeper"):
        answer = as_admin.post(url(person), sent(person, supervisor=name))
        assert "team" in answer.context["form"].errors["supervisor"][0]
    with pytest.raises(ValidationError):
        actions.update_user(actor=None, user=person, supervisor=deeper)
    assert as_admin.post(url(deeper), sent(deeper, supervisor="ana.ruiz")).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_close_no_circle() -> None:
    people = [make_user(role=None) for _ in range(4)]
    first, second, third, fourth = people
    actions.update_user(actor=None, user=first, supervisor=second)
    actions.update_user(actor=None, user=third, supervisor=fourth)

    def change(pair: tuple[User, User]) -> bool:
        try:
            actions.update_user(actor=None, user=pair[0], supervisor=pair[1])
        except ValidationError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(change, [(second, third), (fourth, first)]))
    assert sorted(answers) == [False, True]


def test_rank_is_respected(as_manager: Client, admin: User) -> None:
    answer = as_manager.post(url(admin), sent(admin, full_name="Down"))
    assert "rank" in answer.content.decode()
    admin.refresh_from_db()
    assert admin.full_name == "Maren Holt"


def test_nothing_else_can_be_changed_by_the_form(as_manager: Client, person: User) -> None:
    before: dict[str, Any] = dict(User.objects.values().get(pk=person.pk))
    everything = {field.name: "1" for field in User._meta.get_fields()}
    as_manager.post(url(person), {**everything, **sent(person, full_name="Other")})
    after: dict[str, Any] = dict(User.objects.values().get(pk=person.pk))
    assert {name for name in before if before[name] != after[name]} == {"full_name", "name_key", "updated_at"}


def test_a_supervisor_out_of_sight_may_stay(as_admin: Client, person: User) -> None:
    gone = make_user(username="gone", is_active=False)
    User.objects.filter(pk=person.pk).update(supervisor=gone)
    assert as_admin.post(url(person), sent(person, full_name="X", supervisor="gone")).status_code == 302
    other = make_user()
    assert "Nobody you may see" in as_admin.post(url(other), sent(other, supervisor="gone")).content.decode()


def test_others_are_not_allowed(supervisor: User, as_supervisor: Client) -> None:
    below = make_user(supervisor=supervisor)
    assert as_supervisor.post(url(below), sent(below, full_name="X")).status_code == 403
    assert client_of(below).post(url(below), sent(below, full_name="X")).status_code == 403
