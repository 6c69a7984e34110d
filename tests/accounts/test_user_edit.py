from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from accounts import actions
from accounts.models import User
from tests.accounts.conftest import Trail
from tests.factories import client_of, make_user


def url(user: User) -> str:
    return f"/users/{user.public_id}/edit/"


def sent(user: User, **changes: str) -> dict[str, str]:
    return {"username": user.username, "email": user.email, "full_name": user.full_name, "supervisor": "", **changes}


def test_details_change_and_the_trail_says_how(as_manager: Client, manager: User, person: User, trail: Trail) -> None:
    assert as_manager.post(url(person), sent(person, full_name="Ana R.", username="ana")).status_code == 302
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


def test_a_new_address_is_not_verified(as_manager: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_verified=True)
    as_manager.post(url(person), sent(person, email="else@example.org"))
    person.refresh_from_db()
    assert not person.is_verified


@pytest.mark.parametrize("field", ["username", "email"])
def test_names_of_others_are_refused(as_manager: Client, manager: User, person: User, field: str) -> None:
    taken = getattr(manager, field).upper()
    answer = as_manager.post(url(person), sent(person, **{field: taken}))
    assert "looks the same" in answer.content.decode()


def test_a_circle_of_supervisors_is_refused(as_admin: Client, person: User) -> None:
    below = make_user(username="below", supervisor=person)
    deeper = make_user(username="deeper", supervisor=below)
    for name in ("ana.ruiz", "below", "deeper"):
        answer = as_admin.post(url(person), sent(person, supervisor=name))
        assert "own team" in answer.content.decode()
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
