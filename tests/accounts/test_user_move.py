from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import actions, teams
from accounts.models import BulkAct, User
from rbac.actions import create_role
from rbac.models import Assignment
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user
from ui.registry import registry


def url(user: User, act: str = "move") -> str:
    return f"/users/{user.public_id}/{act}/"


def mark(user: User | None) -> str:
    return str(user.public_id) if user else ""


def move(client: Client, user: User, supervisor: User | None, **sent: str) -> Any:
    """As somebody does who has seen what follows."""
    user.refresh_from_db()
    data = {
        "supervisor": supervisor.username if supervisor else "",
        "was": mark(user.supervisor),
        "shown": mark(supervisor) or "nobody",
        **sent,
    }
    return client.post(url(user), data)


def lead_of_people(name: str = "lead") -> User:
    """Somebody who may do everything with people, but sees the own team alone."""
    permissions = [each for each in registry.permissions if each not in {"users.all", "users.admin"}]
    role = create_role(actor=None, name=f"Role {name}", priority=70, permissions=permissions)
    person = make_user(role=None, username=name)
    Assignment.objects.create(user=person, role=role)
    return User.objects.get(pk=person.pk)


@pytest.fixture
def old(db: None) -> User:
    return make_user(username="old", role="supervisor")


@pytest.fixture
def new(db: None) -> User:
    return make_user(username="new", role="supervisor")


@pytest.fixture
def head(old: User) -> User:
    head = make_user(username="head", supervisor=old)
    make_user(username="under", supervisor=make_user(username="mid", supervisor=head))
    return head


def test_the_page_says_what_follows_before_it_does(as_manager: Client, head: User, old: User, new: User) -> None:
    page = as_manager.get(url(head)).content.decode()
    assert "2 people answer to them" in page
    shown = as_manager.get(url(head), {"supervisor": "new"}, headers={"HX-Request": "true", "HX-Target": "effect"})
    words = shown.content.decode()
    assert "<html" not in words
    effect = shown.context["effect"]
    assert (effect.gaining, effect.losing, effect.is_blind) == ([new], [old], False)
    # Sent at once, it is shown first, and nothing happens.
    answer = as_manager.post(url(head), {"supervisor": "new", "was": mark(old), "shown": ""})
    assert answer.status_code == 200
    assert answer.context["effect"].gaining == [new]
    head.refresh_from_db()
    assert head.supervisor == old


def test_those_who_see_everyone_neither_gain_nor_lose(as_manager: Client, manager: User, head: User) -> None:
    plain = make_user(username="plain", supervisor=manager)
    effect = as_manager.get(url(head), {"supervisor": "plain"}).context["effect"]
    assert (effect.supervisor, effect.gaining, effect.is_blind) == (plain, [], True)
    assert "do not let them see their team" in as_manager.get(url(head), {"supervisor": "plain"}).content.decode()


def test_a_head_moves_with_everybody_below(as_manager: Client, head: User, old: User, new: User, trail: Trail) -> None:
    assert move(as_manager, head, new).status_code == 302
    assert {person.username for person in User.objects.team_of(new)} == {"head", "mid", "under"}
    assert not User.objects.team_of(old).exists()
    (event,) = trail.events
    assert (event.action, event.before, event.after) == (
        "user.updated",
        {"supervisor": "old"},
        {"supervisor": "new"},
    )
    assert move(as_manager, head, None).status_code == 302
    assert not User.objects.team_of(new).exists()


def test_to_where_they_stand_nothing_happens(as_manager: Client, head: User, old: User, trail: Trail) -> None:
    assert move(as_manager, head, old, shown="").status_code == 302
    assert trail.events == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("head", "Nobody is in their own team."),
        ("mid", "mid is in head’s team, so head cannot answer to them."),
        ("under", "under is in head’s team, so head cannot answer to them."),
    ],
)
def test_a_circle_is_refused_in_one_sentence(as_admin: Client, head: User, old: User, name: str, said: str) -> None:
    answer = move(as_admin, head, User.objects.get(username=name))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    shown = as_admin.get(url(head), {"supervisor": name}, headers={"HX-Request": "true", "HX-Target": "effect"})
    assert shown.status_code == 200
    assert said in shown.content.decode()
    head.refresh_from_db()
    assert head.supervisor == old


def test_whoever_comes_second_sees_both(as_manager: Client, head: User, old: User, new: User) -> None:
    third = make_user(username="third", role="supervisor")
    actions.update_user(actor=None, user=head, supervisor=third)
    answer = move(as_manager, head, new, was=mark(old))
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "They answer to third now." in page
    assert "You chose new." in page
    head.refresh_from_db()
    assert head.supervisor == third
    # Sent once more from that page, it is done.
    form = answer.context["form"]
    assert form["was"].value() == mark(third)
    assert move(as_manager, head, new).status_code == 302


def test_a_supervisor_out_of_sight_or_deactivated_is_nobody(as_manager: Client, head: User, old: User) -> None:
    make_user(username="gone", is_active=False)
    for name in ("gone", "nobody.here", "x" * 300, "\x00"):
        answer = as_manager.post(url(head), {"supervisor": name, "was": mark(old), "shown": "nobody"})
        assert answer.status_code == 422
    for odd in ({"was": "1"}, {"was": "%00"}, {"shown": "x" * 50}):
        sent = {"supervisor": "", "was": mark(old), "shown": "nobody", **odd}
        assert as_manager.post(url(head), sent).status_code == 422
    head.refresh_from_db()
    assert head.supervisor == old


def test_nobody_moves_people_beyond_their_reach(as_manager: Client, manager: User, admin: User, new: User) -> None:
    assert "rank" in move(as_manager, admin, new).content.decode()
    # Nor by moving somebody above them, which would bring them along.
    above = make_user(username="above")
    User.objects.filter(pk=admin.pk).update(supervisor=above)
    refused = move(as_manager, above, new)
    assert refused.status_code == 422
    assert "Maren Holt, who would move as well" in refused.content.decode()
    with pytest.raises(ValidationError):
        actions.update_user(actor=manager, user=above, supervisor=new)
    User.objects.filter(pk=admin.pk).update(supervisor=None)
    assert move(as_manager, above, new).status_code == 302


def test_nor_a_superuser_nor_what_was_promised(manager: User, new: User) -> None:
    above = make_user(username="above")
    chief = make_user(username="chief", supervisor=above, is_superuser=True, role=None)
    with pytest.raises(ValidationError, match="beyond your reach"):
        actions.update_user(actor=manager, user=above, supervisor=new)
    User.objects.filter(pk=chief.pk).update(is_superuser=False)
    assert actions.update_user(actor=manager, user=above, supervisor=new).supervisor == new


def test_who_sees_the_own_team_alone_moves_people_within_it(new: User, old: User) -> None:
    lead = lead_of_people()
    mine, other = make_user(username="mine", supervisor=lead), make_user(username="other", supervisor=lead)
    User.objects.filter(pk=lead.pk).update(supervisor=old)
    client = client_of(lead)
    assert move(client, mine, other).status_code == 302
    # Not out of it, not to strangers, not a stranger into it, and not upward.
    assert "not out of it" in move(client, mine, None).content.decode()
    for supervisor in (new, old):
        assert "Nobody you may see" in move(client, mine, supervisor).content.decode()
        with pytest.raises(ValidationError, match="cannot see"):
            actions.update_user(actor=lead, user=mine, supervisor=supervisor)
    for stranger in (new, old):
        assert client.post(url(stranger), {"supervisor": "mine"}).status_code == 404
    mine.refresh_from_db()
    assert mine.supervisor == other


def test_nobody_leaves_a_team_by_themselves(as_manager: Client, manager: User, old: User) -> None:
    User.objects.filter(pk=manager.pk).update(supervisor=old)
    answer = move(as_manager, manager, None)
    assert "somebody else to say" in answer.content.decode()
    sent = {"username": "lena", "email": manager.email, "full_name": "Lena Vogt", "supervisor": ""}
    assert as_manager.post(url(manager, "edit"), sent).status_code == 422
    manager.refresh_from_db()
    assert manager.supervisor == old


def test_an_admin_may_place_themselves(as_admin: Client, admin: User, old: User) -> None:
    assert move(as_admin, admin, old).status_code == 302


def test_nobody_is_moved_while_somebody_acts_as_them(admin: User, manager: User, new: User) -> None:
    client = client_of(admin)
    client.post("/step-up/", {"password": PASSWORD})
    client.post(f"/users/{manager.public_id}/act-as/", {"reason": "A question of hers"})
    assert client.get(url(manager)).status_code == 403
    assert client.post(url(manager), {"supervisor": "new"}).status_code == 403


def test_a_line_has_an_end(as_admin: Client, new: User) -> None:
    at: User | None = None
    chain = []
    for number in range(teams.MOST_LEVELS):
        at = make_user(username=f"level{number}", supervisor=at, role=None, password=None)
        chain.append(at)
    with pytest.raises(ValidationError, match="100 levels at most"):
        actions.create_user(actor=None, username="deeper", email="deeper@example.org", supervisor=at)
    assert "would be one of 101" in move(as_admin, new, at).content.decode()
    # What stands below counts as well.
    assert "levels at most" in move(as_admin, chain[0], new).content.decode()
    assert move(as_admin, chain[1], new).status_code == 302
    assert len(teams.line_of(chain[-1])) == teams.MOST_LEVELS - 1


def test_the_team_of_somebody_who_left_is_handed_over_in_one_act(
    as_manager: Client, head: User, old: User, new: User, trail: Trail
) -> None:
    make_user(username="second", supervisor=old)
    User.objects.filter(pk=old.pk).update(is_active=False)
    page = as_manager.get(f"/users/{old.public_id}/").content.decode()
    assert "looks after nobody until" in page
    asked = as_manager.post(url(old, "hand-over"))
    assert "2 people" in as_manager.get(asked["Location"]).content.decode()
    as_manager.post(asked["Location"], {"supervisor": "new", "of": str(old.public_id)})
    assert {person.username for person in User.objects.filter(supervisor=new)} == {"head", "second"}
    assert not User.objects.filter(supervisor=old).exists()
    assert trail.actions == ["user.updated"] * 2


def test_handed_to_one_of_them_that_one_takes_the_place_of_who_led(
    as_manager: Client, head: User, old: User, new: User
) -> None:
    second = make_user(username="second", supervisor=old)
    actions.update_user(actor=None, user=old, supervisor=new)
    asked = as_manager.post(url(old, "hand-over"))["Location"]
    page = as_manager.get(asked).content.decode()
    assert "The team of old" in page
    as_manager.post(asked, {"supervisor": "head", "of": str(old.public_id)})
    done = as_manager.get(asked).content.decode()
    assert "2 people done" in done
    assert f'href="/users/{old.public_id}/"' in done
    places = dict(
        User.objects.filter(pk__in=[head.pk, second.pk, old.pk]).values_list("username", "supervisor__username")
    )
    assert places == {"head": "new", "second": "head", "old": "new"}


def test_among_many_nobody_takes_a_place_that_was_not_handed_over(
    as_manager: Client, head: User, old: User, new: User
) -> None:
    asked = as_manager.post("/users/acts/", {"act": "set-supervisor", "id": [str(head.public_id)]})["Location"]
    for of in ("", str(new.public_id)):
        as_manager.post(asked, {"supervisor": "head", "of": of})
    assert "Nobody is in their own team" in as_manager.get(asked).content.decode()
    head.refresh_from_db()
    assert head.supervisor == old


def test_there_is_nothing_to_hand_over_where_nobody_answers(as_manager: Client, new: User) -> None:
    assert as_manager.post(url(new, "hand-over"))["Location"] == f"/users/{new.public_id}/"
    assert not BulkAct.objects.exists()
    # Whoever comes by the address, such as after signing in anew, finds the person.
    assert as_manager.get(url(new, "hand-over"))["Location"] == f"/users/{new.public_id}/"


def test_many_get_a_supervisor_at_once(as_manager: Client, admin: User, head: User, new: User) -> None:
    other = make_user(username="other")
    ids = [str(person.public_id) for person in (head, other, admin)]
    asked = as_manager.post("/users/acts/", {"act": "set-supervisor", "id": ids})
    # An empty form is no wish, and two wishes are none.
    for sent in ({"supervisor": "nobody.here"}, {"supervisor": ""}, {"supervisor": "new", "nobody": "on"}):
        assert as_manager.post(asked["Location"], sent).status_code == 422
    as_manager.post(asked["Location"], {"supervisor": "new"})
    assert set(User.objects.filter(supervisor=new)) == {head, other}
    assert "1 refused" in as_manager.get(asked["Location"]).content.decode()


def test_many_answer_to_nobody_only_where_that_is_said(as_manager: Client, head: User) -> None:
    asked = as_manager.post("/users/acts/", {"act": "set-supervisor", "id": [str(head.public_id)]})
    as_manager.post(asked["Location"], {"supervisor": "", "nobody": "on"})
    head.refresh_from_db()
    assert head.supervisor is None


@pytest.mark.parametrize("role", ["supervisor", "operator", "user", "viewer", None])
@pytest.mark.parametrize("act", ["move", "hand-over"])
def test_others_are_not_allowed(head: User, new: User, role: str | None, act: str) -> None:
    client = client_of(make_user(role=role))
    assert client.post(url(head, act), {"supervisor": "new", "shown": mark(new)}).status_code == 403
    head.refresh_from_db()
    assert head.supervisor != new


def test_queries_do_not_grow_with_the_team(as_manager: Client, head: User, new: User) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_manager.get(url(head), {"supervisor": "new"}).status_code == 200
        return len(queries)

    count()
    before = count()
    for number in range(30):
        make_user(username=f"more{number}", supervisor=head, role=None, password=None)
    assert count() == before
