"""Closing an access review: what it writes down, and who may."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role, close_review, decide_line, revoke_role, start_review
from rbac.models import Assignment, Review
from settings_store.models import AuditEvent
from tests.rbac.conftest import AsPerson, MakePerson, Roles
from tests.rbac.reviews import decisions, line_of, make_lead, url_of


@pytest.fixture
def viewers(person: MakePerson) -> list[User]:
    return [person("viewer", full_name=name) for name in ("Ana", "Ben", "Cleo", "Dora")]


@pytest.fixture
def review(admin: User, viewers: list[User], roles: Roles) -> Review:
    return start_review(actor=admin, role=roles["viewer"])


def test_what_is_undecided_stays_and_is_written_down(
    as_person: AsPerson, admin: User, review: Review, viewers: list[User], roles: Roles
) -> None:
    ana, ben, cleo, dora = viewers
    seen = timezone.now()
    User.objects.filter(pk=dora.pk).update(last_login=seen)
    decide_line(actor=admin, line=line_of(review, ana), decision="confirmed")
    decide_line(actor=admin, line=line_of(review, ben), decision="revoked")
    revoke_role(actor=admin, user=cleo, role=roles["viewer"])
    client = as_person(admin)
    assert "1 line is undecided." in client.get(url_of(review, "close/")).text
    answer = client.post(url_of(review, "close/"), follow=True)
    assert "Review closed" in answer.text
    review.refresh_from_db()
    assert (review.closed_by, review.closed_at is not None) == (admin, True)
    assert list(decisions(review).values()) == ["confirmed", "revoked", "ended", ""]
    assert line_of(review, dora).last_login == seen
    event = AuditEvent.objects.get(action="review.closed")
    assert event.after == {
        "lines": 4,
        "outcome": ["1 confirmed", "1 taken away", "1 ended meanwhile", "1 undecided"],
    }
    assert Assignment.objects.counting().filter(user=dora).exists()


def test_it_stays_as_it_was(
    as_person: AsPerson, admin: User, review: Review, viewers: list[User], roles: Roles
) -> None:
    close_review(actor=admin, review=review)
    for each in viewers:
        revoke_role(actor=admin, user=each, role=roles["viewer"])
    assign_role(actor=admin, user=viewers[0], role=roles["viewer"])
    User.objects.filter(pk=viewers[0].pk).update(last_login=timezone.now())
    page = as_person(admin).get(url_of(review))
    assert [line.standing for line in page.context["lines"]] == ["undecided"] * 4
    assert page.text.count(">never<") == 4


def test_only_once(as_person: AsPerson, admin: User, review: Review) -> None:
    close_review(actor=admin, review=review)
    client = as_person(admin)
    for answer in (client.get(url_of(review, "close/")), client.post(url_of(review, "close/"))):
        assert answer.status_code == 409
        assert "This review is closed already." in answer.text
    assert AuditEvent.objects.filter(action="review.closed").count() == 1


def test_of_an_admin_s_review_a_manager_decides_but_does_not_close_it(
    as_person: AsPerson, admin: User, person: MakePerson, review: Review, viewers: list[User]
) -> None:
    client = as_person(person("manager"))
    page = client.get(url_of(review)).text
    assert 'name="id"' in page
    assert "close/" not in page
    assert client.post(url_of(review, "close/")).status_code == 403
    assert Review.objects.running().exists()


def test_an_admin_closes_that_of_a_manager(
    as_person: AsPerson, admin: User, person: MakePerson, viewers: list[User], roles: Roles
) -> None:
    review = start_review(actor=person("manager"), role=roles["viewer"])
    assert as_person(admin).post(url_of(review, "close/")).status_code == 302
    assert not Review.objects.running().exists()


def test_who_sees_a_part_closes_only_their_own(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    lead = make_lead()
    person("viewer", supervisor=lead)
    theirs, own = start_review(actor=admin, role=roles["viewer"]), start_review(actor=lead, supervisor=lead)
    client = as_person(lead)
    assert client.post(url_of(theirs, "close/")).status_code == 403
    assert client.post(url_of(own, "close/")).status_code == 302
    assert set(Review.objects.running()) == {theirs}


@pytest.mark.parametrize("key", ["supervisor", "operator", "user", "viewer"])
def test_others_may_not(as_person: AsPerson, person: MakePerson, review: Review, key: str) -> None:
    assert as_person(person(key)).post(url_of(review, "close/")).status_code == 403
    assert Review.objects.running().exists()


def test_whoever_lost_the_right_meanwhile_neither_begins_nor_closes_one(
    person: MakePerson, roles: Roles, admin: User
) -> None:
    """What the actor brought along says that they may; the rows say that they may no more."""
    manager, guest = person("manager", full_name="Kofi Mensah"), person("user")
    review = start_review(actor=manager, role=roles["user"])
    assert manager.has_perm("users.write")
    revoke_role(actor=None, user=User.objects.get(pk=manager.pk), role=roles["manager"])
    assert manager.has_perm("users.write")
    with pytest.raises(PermissionDenied, match="no longer have"):
        close_review(actor=manager, review=review)
    with pytest.raises(PermissionDenied, match="users:write"):
        start_review(actor=guest, role=roles["user"])
    review.refresh_from_db()
    assert review.is_running
    assert Review.objects.count() == 1
