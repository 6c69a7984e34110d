"""Deciding about one line of an access review."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import IdentityProvider, User
from rbac.actions import (
    assign_role,
    change_assignment,
    close_review,
    decide_line,
    delete_role,
    revoke_role,
    start_review,
)
from rbac.models import Assignment, Review, ReviewItem, Role
from settings_store import audit
from settings_store.models import AuditEvent
from tests.rbac.conftest import AsPerson, MakePerson, Roles
from tests.rbac.reviews import decisions, line_of, make_lead, url_of

HTMX = {"HX-Request": "true"}


@pytest.fixture
def ana(person: MakePerson) -> User:
    return person("viewer", full_name="Ana Ruiz")


@pytest.fixture
def review(admin: User, ana: User, roles: Roles) -> Review:
    return start_review(actor=admin, role=roles["viewer"])


def path_of(review: Review, user: User, query: str = "") -> str:
    return url_of(review, f"lines/{line_of(review, user).public_id}/{query}")


def holds(user: User) -> bool:
    return Assignment.objects.counting().filter(user=user).exists()


def test_confirming(as_person: AsPerson, admin: User, review: Review, ana: User) -> None:
    sent = {"decision": "confirmed", "note": "Still needed"}
    answer = as_person(admin).post(path_of(review, ana, "?query=state%3Dundecided"), sent)
    assert answer["Location"] == url_of(review, "?state=undecided")
    item = line_of(review, ana)
    assert (item.decision, item.note, item.decided_by) == ("confirmed", "Still needed", admin)
    assert item.decided_at is not None
    assert holds(ana)
    event = AuditEvent.objects.get(action="review.decided")
    assert event.after == {"decision": "confirmed", "lines": ["Ana Ruiz: Viewer"]}
    assert (event.target_id, event.reason, event.actor_id) == (str(review.public_id), "Still needed", admin.pk)


def test_taking_away_counts_at_once_and_says_why(as_person: AsPerson, admin: User, review: Review, ana: User) -> None:
    as_person(admin).post(path_of(review, ana), {"decision": "revoked", "note": "Has left"})
    assert decisions(review) == {ana.username: "revoked"}
    assert not holds(ana)
    row = Assignment.objects.get(user=ana)
    assert (row.ended_by, row.end_reason) == (
        admin,
        f"Access review of Viewer, {review.started_at:%Y-%m-%d}: Has left",
    )
    revoked, decided = AuditEvent.objects.filter(action__in=["role.revoked", "review.decided"]).order_by("sequence")
    assert (revoked.target_id, revoked.reason) == (str(ana.public_id), row.end_reason)
    assert decided.after == {"decision": "revoked", "lines": ["Ana Ruiz: Viewer"]}
    assert list(audit.verify()) == []
    page = as_person(admin).get(url_of(review)).text
    assert "Given again under" in page


def test_a_long_name_and_note_fit_the_reason(admin: User, person: MakePerson) -> None:
    head = person(full_name="Wilhelmina " * 13)
    below = person("viewer", supervisor=head)
    review = start_review(actor=admin, supervisor=head)
    decide_line(actor=admin, line=line_of(review, below), decision="revoked", note="x" * 200)
    assert Assignment.objects.get(user=below).end_reason.endswith("x" * 200)


def test_by_htmx_the_row_and_the_progress_come_back(
    as_person: AsPerson, admin: User, review: Review, ana: User
) -> None:
    client = as_person(admin)
    page = client.post(path_of(review, ana), {"decision": "confirmed"}, headers=HTMX)
    assert page.status_code == 200
    assert page.text.lstrip().startswith("<tr")
    assert "1 of 1 done" in page.text
    assert "<html" not in page.text
    asked = client.get(path_of(review, ana, "?seen=confirmed"), headers=HTMX).text
    assert "Take Viewer from Ana Ruiz" in asked
    assert client.get(path_of(review, ana, "?row=1"), headers=HTMX).text.lstrip().startswith("<tr")


def test_a_decision_can_be_changed_until_it_is_taken_away(
    as_person: AsPerson, admin: User, review: Review, ana: User
) -> None:
    client = as_person(admin)
    client.post(path_of(review, ana), {"decision": "confirmed"})
    client.post(path_of(review, ana, "?seen=confirmed"), {"decision": "revoked"})
    assert decisions(review) == {ana.username: "revoked"}
    answer = client.post(path_of(review, ana, "?seen=revoked"), {"decision": "confirmed"})
    assert answer.status_code == 409
    assert "Maren Holt has taken this away. To give it again, open the roles of Ana Ruiz." in answer.text
    assert AuditEvent.objects.filter(action="review.decided").count() == 2
    assert AuditEvent.objects.filter(action="review.decided").order_by("-sequence")[0].before == {
        "decision": "confirmed"
    }


def test_the_same_twice_is_noted_once(as_person: AsPerson, admin: User, review: Review, ana: User) -> None:
    client = as_person(admin)
    for _ in range(2):
        assert client.post(path_of(review, ana), {"decision": "confirmed"}).status_code == 302
    assert AuditEvent.objects.filter(action="review.decided").count() == 1


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_of_two_the_second_is_told(
    as_person: AsPerson, admin: User, person: MakePerson, review: Review, ana: User, headers: dict[str, str]
) -> None:
    other = person("admin", full_name="Otto")
    decide_line(actor=other, line=line_of(review, ana), decision="confirmed")
    answer = as_person(admin).post(path_of(review, ana, "?seen=undecided"), {"decision": "revoked"}, headers=headers)
    assert answer.status_code == 409
    assert "Otto has confirmed this meanwhile. Look again before you decide." in answer.text
    assert decisions(review) == {ana.username: "confirmed"}
    assert holds(ana)


@pytest.mark.parametrize("decision", ["confirmed", "revoked"])
def test_what_was_changed_since_the_page_was_shown_is_told(
    as_person: AsPerson, admin: User, review: Review, ana: User, decision: str
) -> None:
    client = as_person(admin)
    [line] = client.get(url_of(review)).context["lines"]
    row = change_assignment(actor=admin, assignment=Assignment.objects.get(user=ana), reason="For ever")
    for seen in (line.seen, "undecided", "undecided:nonsense", ""):
        answer = client.post(path_of(review, ana, f"?seen={seen}"), {"decision": decision})
        assert answer.status_code == 409
        assert "This assignment was changed meanwhile." in answer.text
    assert decisions(review) == {ana.username: ""}
    [line] = client.get(url_of(review)).context["lines"]
    assert client.post(path_of(review, ana, f"?seen={line.seen}"), {"decision": decision}).status_code == 302
    # Paused counts as another edition too.
    if decision == "confirmed":
        [line] = client.get(url_of(review)).context["lines"]
        change_assignment(actor=admin, assignment=row, is_active=False)
        assert client.post(path_of(review, ana, f"?seen={line.seen}"), {"decision": "revoked"}).status_code == 409


def test_what_claims_gave_is_told_to_come_back(as_person: AsPerson, admin: User, review: Review, ana: User) -> None:
    provider = IdentityProvider.objects.create(
        slug="work", name="Work", issuer="https://id.example", client_id="gatehouse"
    )
    Assignment.objects.filter(user=ana).update(provider=provider)
    client, line = as_person(admin), line_of(review, ana)
    said = f"The claims of {provider} gave it"
    assert said in client.get(path_of(review, ana)).text
    assert said in client.get(path_of(review, ana), headers=HTMX).text
    asked = client.post(url_of(review, "decide/"), {"id": str(line.public_id), "decision": "revoked"})
    assert "1 of them was given by the claims" in asked.text


def test_who_lost_the_right_while_they_waited_decides_nothing(admin: User, review: Review, ana: User) -> None:
    assert admin.has_perm("users.write")
    Assignment.objects.filter(user=admin).update(is_open=None, is_active=False)
    with pytest.raises(PermissionDenied, match="You no longer have the permission users:write"):
        decide_line(actor=admin, line=line_of(review, ana), decision="confirmed")
    assert decisions(review) == {ana.username: ""}


def test_a_line_that_is_gone_is_told(admin: User, review: Review, ana: User) -> None:
    line = line_of(review, ana)
    ReviewItem.objects.all().delete()
    with pytest.raises(ValidationError, match="not on the list any more"):
        decide_line(actor=admin, line=line, decision="confirmed")


def test_what_has_ended_meanwhile_needs_no_decision(
    as_person: AsPerson, admin: User, review: Review, ana: User, roles: Roles
) -> None:
    revoke_role(actor=admin, user=ana, role=roles["viewer"])
    assign_role(actor=admin, user=ana, role=roles["viewer"])
    answer = as_person(admin).post(path_of(review, ana), {"decision": "revoked"})
    assert answer.status_code == 409
    assert "This assignment has ended meanwhile, so nothing is to be decided." in answer.text
    # The new one is not on this list.
    assert holds(ana)
    assert decisions(review) == {ana.username: ""}


def test_the_role_may_be_gone(as_person: AsPerson, admin: User, person: MakePerson, review: Review) -> None:
    role = Role.objects.get(name_key="viewer")
    own = person()
    from rbac.actions import create_role

    mine = create_role(actor=None, name="Mine", permissions={"roles.read"})
    assign_role(actor=None, user=own, role=mine)
    about_mine = start_review(actor=admin, role=mine)
    revoke_role(actor=None, user=own, role=mine)
    delete_role(actor=admin, role=mine)
    page = as_person(admin).get(url_of(about_mine))
    assert page.status_code == 200
    assert "ended meanwhile" in page.text
    assert as_person(admin).post(path_of(about_mine, own), {"decision": "confirmed"}).status_code == 409
    assert role.pk


def test_nobody_decides_about_their_own_roles(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    person("admin")
    review = start_review(actor=admin, role=Role.objects.get(name_key="admin"))
    for decision in ("confirmed", "revoked"):
        answer = as_person(admin, stepped_up=True).post(path_of(review, admin), {"decision": decision})
        assert answer.status_code == 409
        assert "Somebody else decides about your roles." in answer.text
    assert holds(admin)


def test_nobody_decides_beyond_their_reach(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    other = person("manager", full_name="Otto")
    review = start_review(actor=admin, role=Role.objects.get(name_key="manager"))
    for decision in ("confirmed", "revoked"):
        answer = as_person(person("manager")).post(path_of(review, other), {"decision": decision})
        assert answer.status_code == 409
        assert "Otto holds a role beyond your reach." in answer.text
    assert set(decisions(review).values()) == {""}


def test_the_last_admin_stays(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    other = person("admin", full_name="Otto")
    review = start_review(actor=admin, role=Role.objects.get(name_key="admin"))
    # Somebody who may take the role of admins without being one for good.
    Assignment.objects.filter(user=admin).update(ends_at=admin.created_at.replace(year=2099))
    answer = as_person(admin, stepped_up=True).post(path_of(review, other), {"decision": "revoked"})
    assert answer.status_code == 409
    assert "Otto is the last admin." in answer.text
    assert set(decisions(review).values()) == {""}
    assert not AuditEvent.objects.filter(action="review.decided").exists()


def test_taking_a_power_asks_for_the_password(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    other = person("admin")
    review = start_review(actor=admin, role=Role.objects.get(name_key="admin"))
    client = as_person(admin)
    assert client.post(path_of(review, other), {"decision": "revoked"})["Location"].startswith("/step-up/")
    by_htmx = client.post(path_of(review, other), {"decision": "revoked"}, headers=HTMX)
    assert by_htmx["HX-Redirect"].startswith("/step-up/")
    assert holds(other)
    assert client.post(path_of(review, other), {"decision": "confirmed"}).status_code == 302
    as_person(admin, stepped_up=True).post(path_of(review, other, "?seen=confirmed"), {"decision": "revoked"})
    assert not holds(other)


def test_a_closed_review_takes_no_decision(as_person: AsPerson, admin: User, review: Review, ana: User) -> None:
    close_review(actor=admin, review=review)
    answer = as_person(admin).post(path_of(review, ana), {"decision": "revoked"})
    assert answer.status_code == 409
    assert "This review is closed, so nothing can be decided." in answer.text
    assert holds(ana)


def test_bad_input(as_person: AsPerson, admin: User, review: Review, ana: User, person: MakePerson) -> None:
    client = as_person(admin)
    for note, said in [("a\x01b", "Use letters, digits, signs and spaces only."), ("x" * 201, "At most 200")]:
        answer = client.post(path_of(review, ana), {"decision": "confirmed", "note": note})
        assert answer.status_code == 422
        assert said in answer.text
        by_htmx = client.post(path_of(review, ana), {"decision": "revoked", "note": note}, headers=HTMX)
        assert (by_htmx.status_code, said in by_htmx.text) == (422, True)
        assert by_htmx["HX-Retarget"] == f"#ask-{line_of(review, ana).public_id}"
    for sent in ({}, {"decision": "ended"}, {"decision": "nonsense"}):
        answer = client.post(path_of(review, ana), sent)
        assert answer.status_code == 422
        assert "Choose whether to confirm or to take away." in answer.text
    assert client.post(path_of(review, ana, "?seen=nonsense"), {"decision": "confirmed"}).status_code == 302
    person("guest")
    other = start_review(actor=admin, role=Role.objects.get(name_key="guest"))
    strange = ReviewItem.objects.get(review=other)
    assert client.post(url_of(review, f"lines/{strange.public_id}/"), {"decision": "confirmed"}).status_code == 404
    assert client.get(url_of(review, f"lines/{review.public_id}/")).status_code == 404


def test_a_line_out_of_sight_is_not_there(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles, ana: User
) -> None:
    lead = make_lead()
    mine = person("viewer", supervisor=lead)
    review = start_review(actor=admin, role=roles["viewer"])
    client = as_person(lead)
    assert client.post(path_of(review, ana), {"decision": "confirmed"}).status_code == 404
    assert client.post(path_of(review, mine), {"decision": "confirmed"}).status_code == 302
    assert {name for name, decision in decisions(review).items() if decision} == {mine.username}


@pytest.mark.parametrize("key", ["supervisor", "operator", "user", "viewer"])
def test_others_may_not(as_person: AsPerson, person: MakePerson, review: Review, ana: User, key: str) -> None:
    assert as_person(person(key)).post(path_of(review, ana), {"decision": "revoked"}).status_code == 403
    assert holds(ana)
