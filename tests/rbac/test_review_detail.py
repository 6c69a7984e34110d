"""The page of an access review and the list of them: what is shown to whom, narrowed down, and at what price."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from rbac.actions import (
    assign_role,
    change_assignment,
    close_review,
    create_role,
    decide_line,
    revoke_role,
    start_review,
)
from rbac.models import Assignment, Review, ReviewItem
from tests.rbac.conftest import AsPerson, MakePerson, Roles
from tests.rbac.reviews import line_of, make_lead, url_of

URL = "/roles/reviews/"


@pytest.fixture
def viewers(person: MakePerson) -> list[User]:
    return [person("viewer", full_name=name) for name in ("Ana", "Ben", "Cleo", "Dora")]


@pytest.fixture
def review(admin: User, viewers: list[User], roles: Roles) -> Review:
    return start_review(actor=admin, role=roles["viewer"])


def shown(client: Client, review: Review, query: str = "") -> list[str]:
    return [str(line.item.user) for line in client.get(url_of(review) + query).context["lines"]]


def test_each_line_says_what_a_decision_needs(
    as_person: AsPerson, admin: User, viewers: list[User], roles: Roles
) -> None:
    ana = viewers[0]
    assign_role(
        actor=admin,
        user=ana,
        role=roles["viewer"],
        reason="For the audit",
        ends_at=timezone.now() + timedelta(days=9),
    )
    review = start_review(actor=admin, role=roles["viewer"])
    page = as_person(admin).get(url_of(review)).text
    for words in ("Ana", "For the audit", "Maren Holt", "never", "no end", "0 of 4 done", "4 undecided"):
        assert words in page


def test_a_line_shows_the_assignment_as_it_is(
    as_person: AsPerson, admin: User, review: Review, viewers: list[User]
) -> None:
    row = Assignment.objects.get(user=viewers[0])
    change_assignment(actor=admin, assignment=row, reason="Until the audit is over")
    page = as_person(admin).get(url_of(review)).text
    assert "Until the audit is over" in page
    assert "changed since" in page


def test_what_is_changed_after_it_was_confirmed_is_undecided_again(
    as_person: AsPerson, admin: User, review: Review, viewers: list[User], roles: Roles
) -> None:
    ana, ben, cleo, _dora = viewers
    for each in (ana, ben, cleo):
        decide_line(actor=admin, line=line_of(review, each), decision="confirmed")
    change_assignment(actor=admin, assignment=Assignment.objects.get(user=ana), reason="Longer")
    until = timezone.now() + timedelta(days=9)
    change_assignment(actor=admin, assignment=Assignment.objects.get(user=ben), ends_at=until)
    revoke_role(actor=admin, user=cleo, role=roles["viewer"])
    client = as_person(admin)
    assert shown(client, review, "?state=undecided") == ["Ana", "Ben", "Dora"]
    # What was confirmed and ended afterwards stays confirmed.
    assert shown(client, review, "?state=confirmed") == ["Cleo"]
    assert "1 of 4 done" in client.get(url_of(review)).text
    line = next(line for line in client.get(url_of(review)).context["lines"] if line.item.user == ana)
    answer = client.post(f"{url_of(review)}lines/{line.item.public_id}/?seen={line.seen}", {"decision": "confirmed"})
    assert answer.status_code == 302
    # The line keeps what was confirmed.
    assert line_of(review, ana).reason == "Longer"
    assert shown(client, review, "?state=confirmed") == ["Ana", "Cleo"]
    close_review(actor=admin, review=review)
    assert shown(client, review, "?state=undecided") == ["Ben", "Dora"]


def test_narrowed_down_by_decision_and_name(
    as_person: AsPerson, admin: User, review: Review, viewers: list[User], roles: Roles
) -> None:
    ana, ben, cleo, _dora = viewers
    decide_line(actor=admin, line=line_of(review, ana), decision="confirmed")
    decide_line(actor=admin, line=line_of(review, ben), decision="revoked")
    revoke_role(actor=admin, user=cleo, role=roles["viewer"])
    client = as_person(admin)
    assert shown(client, review) == ["Ana", "Ben", "Cleo", "Dora"]
    assert shown(client, review, "?state=undecided") == ["Dora"]
    assert shown(client, review, "?state=confirmed") == ["Ana"]
    assert shown(client, review, "?state=revoked") == ["Ben"]
    assert shown(client, review, "?state=ended") == ["Cleo"]
    assert shown(client, review, "?state=nonsense") == ["Ana", "Ben", "Cleo", "Dora"]
    assert shown(client, review, "?q=dor") == ["Dora"]
    assert shown(client, review, "?q=%00") == []
    page = client.get(url_of(review)).text
    assert "3 of 4 done" in page
    assert "ended meanwhile" in page


def test_what_is_held_anew_is_said(
    as_person: AsPerson, admin: User, review: Review, viewers: list[User], roles: Roles
) -> None:
    ana = viewers[0]
    revoke_role(actor=admin, user=ana, role=roles["viewer"])
    assert "Given again since" not in as_person(admin).get(url_of(review)).text
    assign_role(actor=admin, user=ana, role=roles["viewer"])
    assert "Given again since" in as_person(admin).get(url_of(review)).text


def test_one_s_own_line_and_lines_beyond_reach_are_for_others(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    manager = person("manager", full_name="Mina")
    person("manager", full_name="Otto")
    review = start_review(actor=admin, role=roles["manager"])
    page = as_person(manager).get(url_of(review)).text
    assert "Somebody else decides about your roles." in page
    assert "Otto holds a role beyond your reach." in page
    assert 'name="id"' not in page


def test_whoever_sees_fewer_people_sees_fewer_lines(
    as_person: AsPerson, admin: User, person: MakePerson, viewers: list[User], roles: Roles
) -> None:
    lead = make_lead()
    person("viewer", full_name="Mine", supervisor=lead)
    review = start_review(actor=admin, role=roles["viewer"])
    client = as_person(lead)
    assert shown(client, review) == ["Lead", "Mine"]
    page = client.get(url_of(review)).text
    assert "0 of 2 done" in page
    assert "only people in your sight" in page
    assert "Ana" not in page


def test_a_review_without_anybody_in_sight_is_not_there(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    person("guest")
    review = start_review(actor=admin, role=roles["guest"])
    client = as_person(make_lead())
    for rest in ("", "export/", "close/"):
        assert client.get(url_of(review, rest)).status_code == 404
    assert "Guest" not in client.get(URL).text


@pytest.mark.parametrize("key", ["supervisor", "operator", "user", "viewer", "guest"])
def test_others_are_not_allowed(as_person: AsPerson, person: MakePerson, review: Review, key: str) -> None:
    client = as_person(person(key))
    for path in (URL, url_of(review), url_of(review, "export/"), url_of(review, "history/")):
        assert client.get(path).status_code == 403


def test_running_and_closed(as_person: AsPerson, admin: User, review: Review, roles: Roles) -> None:
    yesterday = timezone.localdate() - timedelta(days=1)
    Review.objects.filter(pk=review.pk).update(due_on=yesterday)
    client = as_person(admin)
    page = client.get(URL).text
    assert "Role Viewer" in page
    assert "0 of 4" in page
    assert "overdue" in page
    assert "No review was closed yet" in client.get(f"{URL}?tab=closed").text
    close_review(actor=admin, review=review)
    page = client.get(f"{URL}?tab=closed").text
    assert "Role Viewer" in page
    assert "overdue" not in page
    assert "No review is running" in client.get(URL).text


def test_a_closed_one_is_only_read(as_person: AsPerson, admin: User, review: Review, viewers: list[User]) -> None:
    close_review(actor=admin, review=review)
    page = as_person(admin).get(url_of(review)).text
    assert 'name="id"' not in page
    assert "Confirm" not in page.replace("Confirmed", "")
    assert as_person(admin).get(url_of(review, f"lines/{line_of(review, viewers[0]).public_id}/")).status_code == 404


def test_admins_by_break_glass_are_told_of(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    review = start_review(actor=admin, role=roles["admin"])
    assert "break-glass" not in as_person(admin).get(url_of(review)).text
    person(is_superuser=True)
    assert "1 person is admin by break-glass" in as_person(admin).get(url_of(review)).text


def test_the_history_is_for_who_reads_the_trail(
    as_person: AsPerson, admin: User, review: Review, person: MakePerson
) -> None:
    page = as_person(admin).get(url_of(review, "history/"))
    assert page.status_code == 200
    assert "review.started" in page.text
    reader = person()
    role = create_role(actor=None, name="Reader", permissions={"roles.read", "users.read", "users.all"})
    assign_role(actor=None, user=reader, role=role)
    page = as_person(reader).get(url_of(review))
    assert "history/" not in page.text
    assert 'name="id"' not in page.text
    assert as_person(reader).get(url_of(review, "history/")).status_code == 403


def many_lines(admin: User, role_id: int, count: int) -> Review:
    people = User.objects.bulk_create(
        User(
            username=f"p{number:05}",
            email=f"p{number:05}@example.org",
            username_key=f"p{number:05}",
            email_key=f"p{number:05}@example.org",
            name_key=f"p{number % 97}",
            last_login=timezone.now() if number % 3 else None,
        )
        for number in range(count)
    )
    Assignment.objects.bulk_create(Assignment(user=each, role_id=role_id) for each in people)
    Review.objects.filter(role_id=role_id).update(closed_at=timezone.now())
    return start_review(actor=admin, supervisor=None, role=Assignment.objects.filter(role_id=role_id)[0].role)


@pytest.mark.parametrize("sort", ["name", "-name", "since", "seen", "-seen", "nonsense"])
def test_every_order_shows_every_line_once(as_person: AsPerson, admin: User, roles: Roles, sort: str) -> None:
    review = many_lines(admin, roles["guest"].pk, 120)
    client, seen = as_person(admin), []
    query = f"?sort={sort}"
    while query:
        answer = client.get(url_of(review) + query)
        seen += [line.item.pk for line in answer.context["lines"]]
        query = answer.context["page"].older_url
    assert len(seen) == len(set(seen)) == 120


def test_many_lines_cost_no_more_queries(as_person: AsPerson, admin: User, roles: Roles, person: MakePerson) -> None:
    person("guest", "viewer")
    review = start_review(actor=admin, role=roles["guest"])
    client = as_person(admin)
    client.get(url_of(review))
    with CaptureQueriesContext(connection) as few:
        client.get(url_of(review))
    big = many_lines(admin, roles["guest"].pk, 48)
    with CaptureQueriesContext(connection) as many:
        client.get(url_of(big))
    assert len(many) == len(few)
    # The session, the person with their roles, the review, its counts, the page of lines, their people's ranks and
    # what those are promised, the version of the role map, the rank of whoever looks, and how many proposals wait.
    assert len(few) == 9, "\n".join(query["sql"] for query in few)


def test_many_reviews_cost_no_more_queries(as_person: AsPerson, admin: User, roles: Roles, person: MakePerson) -> None:
    person("guest")
    start_review(actor=admin, role=roles["guest"])
    client = as_person(admin)
    client.get(URL)
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    for _ in range(10):
        close_review(actor=admin, review=Review.objects.running().get())
        start_review(actor=admin, role=roles["guest"])
    Review.objects.update(closed_at=None)
    with CaptureQueriesContext(connection) as many:
        client.get(URL)
    assert len(many) == len(few) == 5, "\n".join(query["sql"] for query in few)
    assert ReviewItem.objects.count() == 11
