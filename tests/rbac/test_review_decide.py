"""Deciding about many lines of an access review at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from rbac.actions import change_assignment, close_review, decide_line, decide_lines, start_review
from rbac.actions.review import TOGETHER
from rbac.models import Assignment, Review, ReviewItem, Role, Standing
from rbac.views import review_decide
from settings_store import audit
from settings_store.models import AuditEvent
from tests.factories import make_user, role_named
from tests.rbac.conftest import AsPerson, MakePerson, Roles
from tests.rbac.reviews import decisions, line_of, make_lead, url_of


@pytest.fixture
def viewers(person: MakePerson) -> list[User]:
    return [person("viewer", full_name=name) for name in ("Ana", "Ben", "Cleo", "Dora")]


@pytest.fixture
def review(admin: User, viewers: list[User], roles: Roles) -> Review:
    return start_review(actor=admin, role=roles["viewer"])


def ticked(review: Review, *people: User, seen: str = "undecided") -> dict[str, list[str]]:
    ids = [str(line_of(review, each).public_id) for each in people]
    return {"id": ids, "seen": [f"{each}:{seen}" for each in ids]}


def test_confirming_those_ticked(as_person: AsPerson, admin: User, review: Review, viewers: list[User]) -> None:
    ana, ben, *_others = viewers
    sent = {**ticked(review, ana, ben), "decision": "confirmed", "note": "Asked them", "query": "state=undecided"}
    answer = as_person(admin).post(url_of(review, "decide/"), sent, follow=True)
    assert answer.redirect_chain[0][0] == url_of(review, "?state=undecided")
    assert "2 confirmed" in answer.text
    assert list(decisions(review).values()) == ["confirmed", "confirmed", "", ""]
    event = AuditEvent.objects.get(action="review.decided")
    assert event.after == {"decision": "confirmed", "lines": ["Ana: Viewer", "Ben: Viewer"]}
    assert event.reason == "Asked them"


def test_taking_away_asks_first(as_person: AsPerson, admin: User, review: Review, viewers: list[User]) -> None:
    ana, ben, *_others = viewers
    client = as_person(admin)
    sent = {**ticked(review, ana, ben), "decision": "revoked", "note": "Gone"}
    page = client.post(url_of(review, "decide/"), sent).text
    assert "Take 2 roles away?" in page
    assert 'value="Gone"' in page
    assert set(decisions(review).values()) == {""}
    answer = client.post(url_of(review, "decide/"), {**sent, "sure": "1"}, follow=True)
    assert "2 taken away" in answer.text
    assert list(decisions(review).values()) == ["revoked", "revoked", "", ""]
    assert Assignment.objects.counting().filter(role__name_key="viewer").count() == 2
    # One event about the review for each person, beside that about the person.
    assert AuditEvent.objects.filter(action="review.decided").count() == 2
    assert AuditEvent.objects.filter(action="role.revoked").count() == 2
    assert list(audit.verify()) == []


def test_all_that_match(as_person: AsPerson, admin: User, review: Review, viewers: list[User]) -> None:
    decide_line(actor=admin, line=line_of(review, viewers[0]), decision="confirmed", note="Mine")
    client = as_person(admin)
    client.post(url_of(review, "decide/"), {"all": "1", "query": "q=b", "decision": "confirmed"})
    assert list(decisions(review).values()) == ["confirmed", "confirmed", "", ""]
    client.post(url_of(review, "decide/"), {"all": "1", "query": "", "decision": "confirmed", "note": "All"})
    notes = dict(ReviewItem.objects.filter(review=review).values_list("user__full_name", "note"))
    # What was decided before is left alone.
    assert notes == {"Ana": "Mine", "Ben": "", "Cleo": "All", "Dora": "All"}
    page = client.post(url_of(review, "decide/"), {"all": "1", "query": "state=confirmed", "decision": "revoked"}).text
    assert "Take 4 roles away?" in page
    client.post(url_of(review, "decide/"), {"all": "1", "query": "state=confirmed", "decision": "revoked", "sure": "1"})
    assert set(decisions(review).values()) == {"revoked"}


def test_whoever_is_refused_is_named_and_the_others_go_on(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    otto, pia = person("admin", full_name="Otto"), person("admin", full_name="Pia")
    review = start_review(actor=admin, role=Role.objects.get(name_key="admin"))
    Assignment.objects.filter(user=admin).update(ends_at=admin.created_at.replace(year=2099))
    sent = {**ticked(review, otto, pia, admin), "decision": "revoked", "sure": "1"}
    answer = as_person(admin, stepped_up=True).post(url_of(review, "decide/"), sent)
    assert answer.status_code == 200
    for words in ("1 line decided", "Pia is the last admin.", "Somebody else decides about your roles."):
        assert words in answer.text
    assert decisions(review) == {otto.username: "revoked", pia.username: "", admin.username: ""}


def test_taking_powers_asks_for_the_password(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    other = person("admin")
    review = start_review(actor=admin, role=Role.objects.get(name_key="admin"))
    sent = {**ticked(review, other), "decision": "revoked", "sure": "1"}
    assert as_person(admin).post(url_of(review, "decide/"), sent)["Location"].startswith("/step-up/")
    assert Assignment.objects.counting().filter(user=other).exists()


def test_what_others_decided_meanwhile_is_left_alone(
    as_person: AsPerson, admin: User, person: MakePerson, review: Review, viewers: list[User]
) -> None:
    ana, ben, *_others = viewers
    decide_line(actor=person("admin", full_name="Otto"), line=line_of(review, ana), decision="confirmed")
    answer = as_person(admin).post(
        url_of(review, "decide/"), {**ticked(review, ana, ben), "decision": "revoked", "sure": "1"}
    )
    assert "Otto has confirmed this meanwhile." in answer.text
    assert list(decisions(review).values()) == ["confirmed", "revoked", "", ""]
    again = {**ticked(review, ana, seen="confirmed"), "decision": "revoked", "sure": "1"}
    as_person(admin).post(url_of(review, "decide/"), again)
    assert list(decisions(review).values()) == ["revoked", "revoked", "", ""]


def test_all_at_once_leaves_what_was_changed_to_be_looked_at(
    as_person: AsPerson, admin: User, review: Review, viewers: list[User]
) -> None:
    change_assignment(actor=admin, assignment=Assignment.objects.get(user=viewers[0]), reason="Longer")
    answer = as_person(admin).post(url_of(review, "decide/"), {"all": "1", "decision": "confirmed"})
    assert "This assignment was changed meanwhile." in answer.text
    assert list(decisions(review).values()) == ["", "confirmed", "confirmed", "confirmed"]


def test_ids_that_are_not_of_this_review(
    as_person: AsPerson, admin: User, person: MakePerson, review: Review, viewers: list[User]
) -> None:
    guest = person("guest")
    other = start_review(actor=admin, role=Role.objects.get(name_key="guest"))
    client = as_person(admin)
    strange = ticked(other, guest)["id"]
    sent = {"id": [*strange, *ticked(review, viewers[0])["id"]], "decision": "confirmed"}
    answer = client.post(url_of(review, "decide/"), sent, follow=True)
    assert "not on this list and were left out" in answer.text
    assert "1 confirmed" in answer.text
    assert decisions(other) == {guest.username: ""}
    for odd in ({"id": strange}, {"id": ["x", "\x00"]}, {}, {"all": "1", "query": "state=revoked"}):
        answer = client.post(url_of(review, "decide/"), {**odd, "decision": "confirmed"}, follow=True)
        assert "Choose at least one line." in answer.text, odd


def test_bad_input(as_person: AsPerson, admin: User, review: Review, viewers: list[User]) -> None:
    client = as_person(admin)
    for decision in ("", "ended", "nonsense"):
        answer = client.post(
            url_of(review, "decide/"), {**ticked(review, viewers[0]), "decision": decision}, follow=True
        )
        assert "Choose whether to confirm or to take away." in answer.text
    wrong = {**ticked(review, viewers[0]), "decision": "confirmed", "note": "a\x01b"}
    answer = client.post(url_of(review, "decide/"), wrong)
    assert answer.status_code == 422
    assert "Use letters, digits, signs and spaces only." in answer.text
    assert set(decisions(review).values()) == {""}
    assert client.get(url_of(review, "decide/")).status_code == 405


def test_only_lines_in_sight(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    lead, stranger = make_lead(), person("viewer")
    mine = person("viewer", supervisor=lead)
    review = start_review(actor=admin, role=roles["viewer"])
    as_person(lead).post(url_of(review, "decide/"), {"all": "1", "decision": "confirmed"})
    assert decisions(review) == {lead.username: "", mine.username: "confirmed", stranger.username: ""}
    as_person(lead).post(url_of(review, "decide/"), {**ticked(review, stranger), "decision": "confirmed"})
    assert decisions(review)[stranger.username] == ""


@pytest.mark.parametrize("key", ["supervisor", "operator", "user", "viewer"])
def test_others_may_not(as_person: AsPerson, person: MakePerson, review: Review, key: str) -> None:
    answer = as_person(person(key)).post(url_of(review, "decide/"), {"all": "1", "decision": "confirmed"})
    assert answer.status_code == 403
    assert set(decisions(review).values()) == {""}


def test_many_are_confirmed_in_few_queries(admin: User, roles: Roles) -> None:
    count = TOGETHER * 2 + 1
    people = User.objects.bulk_create(
        User(username=f"p{n:03}", email=f"p{n}@example.org", username_key=f"p{n:03}", email_key=f"p{n}@example.org")
        for n in range(count)
    )
    Assignment.objects.bulk_create(Assignment(user=each, role=roles["guest"]) for each in people)
    review = start_review(actor=admin, role=roles["guest"])
    seen = dict.fromkeys(review.items.values_list("pk", flat=True), Standing.UNDECIDED)
    with CaptureQueriesContext(connection) as captured:
        outcome = decide_lines(actor=admin, review=review, seen=seen, decision="confirmed")
    assert (outcome.decided, outcome.refused) == (count, [])
    assert AuditEvent.objects.filter(action="review.decided").count() == 3
    assert len(captured) < 3 * 20


def test_what_is_taken_at_once_is_limited(
    as_person: AsPerson, admin: User, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_decide, "MOST_TAKEN", 3)
    sent = {"all": "1", "query": "", "decision": "revoked"}
    client = as_person(admin)
    assert "One act takes 3 roles away at most" in client.post(url_of(review, "decide/"), sent).text
    answer = client.post(url_of(review, "decide/"), {**sent, "sure": "1"}, follow=True)
    assert "3 taken away" in answer.text
    assert list(decisions(review).values()) == ["revoked", "revoked", "revoked", ""]


def test_nobody_decides_in_the_name_of_another(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    manager = person("manager")
    person("guest")
    review = start_review(actor=admin, role=Role.objects.get(name_key="guest"))
    client = as_person(admin, stepped_up=True)
    begun = client.post(f"/users/{manager.public_id}/act-as/", {"reason": "To see what they see"})
    assert begun.status_code == 302
    page = client.get(url_of(review))
    assert page.status_code == 200
    assert 'name="id"' not in page.text
    assert client.post(url_of(review, "decide/"), {"all": "1", "decision": "confirmed"}).status_code == 403
    assert client.get("/roles/reviews/new/").status_code == 403
    assert set(decisions(review).values()) == {""}


def test_cut_short_each_line_is_decided_with_its_event_or_not_at_all(admin: User, review: Review) -> None:
    """As a process does that is killed between two lines: what is committed stands, and stands whole."""
    keys = list(review.items.order_by("pk").values_list("pk", flat=True))

    class Killed(BaseException):
        pass

    class Dying(dict[int, Standing]):
        def __getitem__(self, key: int) -> Standing:
            if key == keys[2]:
                raise Killed
            return super().__getitem__(key)

    with pytest.raises(Killed):
        decide_lines(actor=admin, review=review, seen=Dying.fromkeys(keys, Standing.UNDECIDED), decision="revoked")
    assert list(decisions(review).values()) == ["revoked", "revoked", "", ""]
    assert AuditEvent.objects.filter(action="review.decided").count() == 2
    assert Assignment.objects.counting().filter(role__name_key="viewer").count() == 2
    assert list(audit.verify()) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite lets one write at a time")
def test_two_reviewers_and_a_closing_at_once() -> None:
    """Each line is decided once, nobody dies of a deadlock, and the trail tells the same as the lines."""
    role_named("viewer")
    one, other = make_user(role="admin"), make_user(role="admin")
    for _ in range(24):
        make_user(role="viewer")
    review = start_review(actor=one, role=role_named("viewer"))
    seen = dict.fromkeys(review.items.values_list("pk", flat=True), Standing.UNDECIDED)
    together = Barrier(3, timeout=30)

    def decide(actor: User, decision: str) -> int:
        together.wait()
        try:
            return decide_lines(actor=actor, review=review, seen=seen, decision=decision).decided
        finally:
            connection.close()

    def close() -> int:
        together.wait()
        try:
            close_review(actor=one, review=review)
        finally:
            connection.close()
        return 0

    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(decide, one, "revoked"), pool.submit(decide, other, "confirmed"), pool.submit(close)]
        decided = [each.result() for each in done]
    lines = list(ReviewItem.objects.filter(review=review).values_list("decision", "decided_by_id"))
    taken = sum(decision == "revoked" for decision, _by in lines)
    confirmed = sum(decision == "confirmed" for decision, _by in lines)
    assert (taken, confirmed) == (decided[0], decided[1])
    assert all(by == (one.pk if decision == "revoked" else other.pk) for decision, by in lines if decision)
    assert Assignment.objects.lasting().filter(role=role_named("viewer")).count() == 24 - taken
    closed = AuditEvent.objects.get(action="review.closed").after
    assert closed is not None
    assert closed["outcome"][:2] == [f"{confirmed} confirmed", f"{taken} taken away"]
    assert list(audit.verify()) == []
