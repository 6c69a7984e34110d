"""Beginning an access review: the list is fixed, and only people in sight are on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role, change_assignment, close_review, start_review
from rbac.models import Assignment, Review, ReviewItem
from settings_store.models import AuditEvent
from tests.rbac.conftest import AsPerson, MakePerson, Roles
from tests.rbac.reviews import make_lead

URL = "/roles/reviews/new/"


def lines_of(review: Review) -> list[tuple[str, str]]:
    rows = ReviewItem.objects.filter(review=review).order_by("pk")
    return list(rows.values_list("user__username", "role_name"))


def test_of_a_role(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    ana, kofi, paused = (person("viewer", full_name=name) for name in ("Ana", "Kofi", "Paul"))
    User.objects.filter(pk=kofi.pk).update(is_active=False)
    change_assignment(actor=None, assignment=Assignment.objects.get(user=paused), is_active=False)
    gone = person("viewer")
    Assignment.objects.filter(user=gone).update(ends_at=timezone.now() - timedelta(days=1))
    person("guest")
    due = timezone.localdate() + timedelta(days=14)
    answer = as_person(admin).post(URL, {"role": roles["viewer"].pk, "due_on": due.isoformat()})
    review = Review.objects.get()
    assert answer["Location"] == f"/roles/reviews/{review.public_id}/"
    assert (review.subject, review.role, review.started_by, review.due_on) == ("Viewer", roles["viewer"], admin, due)
    # Whoever is deactivated or paused is on the list: their right may wake up again.
    assert lines_of(review) == [(each.username, "Viewer") for each in (ana, kofi, paused)]
    event = AuditEvent.objects.get(action="review.started")
    assert event.after == {"role": "Viewer", "lines": 3, "due": due.isoformat()}
    assert event.target_id == str(review.public_id)


def test_of_a_team(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    head = person("supervisor", full_name="Kofi Mensah")
    below = person("viewer", "guest", supervisor=head)
    deeper = person("viewer", supervisor=below)
    person("viewer")
    as_person(admin).post(URL, {"supervisor": head.username})
    review = Review.objects.get()
    assert (review.subject, review.supervisor) == ("Kofi Mensah", head)
    assert sorted(lines_of(review)) == sorted(
        [(below.username, "Viewer"), (below.username, "Guest"), (deeper.username, "Viewer")]
    )


def test_it_keeps_what_was_known_when_it_began(admin: User, person: MakePerson, roles: Roles) -> None:
    ana = person()
    until = timezone.now() + timedelta(days=30)
    row = assign_role(actor=admin, user=ana, role=roles["viewer"], reason="Audit", ends_at=until)
    review = start_review(actor=admin, role=roles["viewer"])
    change_assignment(actor=admin, assignment=row, reason="Something else", ends_at=None)
    [item] = review.items.all()
    assert (item.since, item.until, item.given_by, item.reason) == (row.assigned_at, until, "Maren Holt", "Audit")


def test_a_reviewer_lists_whom_they_see(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    head = make_lead()
    mine, _other = person("viewer", supervisor=head), person("viewer")
    as_person(head).post(URL, {"role": roles["viewer"].pk})
    assert set(lines_of(Review.objects.get())) == {(head.username, "Viewer"), (mine.username, "Viewer")}


def test_bad_input(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    alone = person(full_name="Alone")
    head = person(full_name="Head")
    person(supervisor=head)
    client = as_person(admin)
    yesterday = (timezone.localdate() - timedelta(days=1)).isoformat()
    for sent, said in [
        ({}, "Choose either a role or a team."),
        ({"role": roles["admin"].pk, "supervisor": alone.username}, "Choose either a role or a team."),
        ({"role": roles["admin"].pk, "due_on": yesterday}, "The due date has passed."),
        ({"role": roles["admin"].pk, "due_on": "soon"}, "Enter a valid date."),
        ({"role": roles["guest"].pk}, "Nobody in your sight holds Guest, so there is nothing to review."),
        ({"role": "0"}, "Select a valid choice."),
        ({"role": "x"}, "Select a valid choice."),
        ({"supervisor": "nobody-here"}, "Nobody in your sight has this username or email address."),
        ({"supervisor": "\x00"}, "Null characters are not allowed."),
        ({"supervisor": alone.username}, "Nobody is in the team of Alone, so there is nothing to review."),
        ({"supervisor": head.username}, "Nobody in the team of Head holds a role, so there is nothing to review."),
    ]:
        answer = client.post(URL, sent)
        assert answer.status_code == 422, sent
        assert said in answer.text, sent
    assert not Review.objects.exists()


def test_a_second_one_about_the_same_is_refused_with_the_way_to_the_first(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    head = person("viewer")
    person("viewer", supervisor=head)
    client = as_person(admin)
    for sent in ({"role": roles["viewer"].pk}, {"supervisor": head.username}):
        assert client.post(URL, sent).status_code == 302
        answer = client.post(URL, sent)
        assert answer.status_code == 422
        assert "A review of this is running already." in answer.text
        assert f'href="/roles/reviews/{Review.objects.latest("pk").public_id}/"' in answer.text
    assert Review.objects.count() == 2
    close_review(actor=admin, review=Review.objects.get(role=roles["viewer"]))
    assert client.post(URL, {"role": roles["viewer"].pk}).status_code == 302


def test_the_history_says_what_it_is_about(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    head = person("viewer")
    person("viewer", "guest", supervisor=head)
    client, due = as_person(admin), timezone.localdate()
    for sent, said in [
        ({"role": roles["viewer"].pk, "due_on": due.isoformat()}, "role: Viewer, lines: 2, due"),
        ({"supervisor": head.username}, f"team_of: {head}, lines: 2"),
    ]:
        begun = client.post(URL, sent)["Location"]
        assert said in client.get(f"{begun}history/").text


def test_the_address_may_choose(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    head = person()
    client = as_person(admin)
    assert f'value="{roles["viewer"].pk}" selected' in client.get(f"{URL}?role={roles['viewer'].public_id}").text
    assert f'value="{head.username}"' in client.get(f"{URL}?team={head.public_id}").text
    for odd in ("?role=x", "?team=%00", f"?role={head.public_id}"):
        assert client.get(URL + odd).status_code == 200


@pytest.mark.parametrize("key", ["viewer", "operator", "supervisor", "user", "guest"])
def test_others_may_not(as_person: AsPerson, person: MakePerson, roles: Roles, key: str) -> None:
    client = as_person(person(key))
    assert client.get(URL).status_code == 403
    assert client.post(URL, {"role": roles["viewer"].pk}).status_code == 403
    assert not Review.objects.exists()


def test_a_manager_may_and_a_stranger_is_sent_to_the_door(
    as_person: AsPerson, person: MakePerson, roles: Roles
) -> None:
    assert as_person(person("manager")).get(URL).status_code == 200
    client = as_person(person())
    client.logout()
    assert client.get(URL)["Location"].startswith("/login/")
    assert client.delete(URL).status_code in {302, 405}
