"""Access reviews: beginning one, deciding about its lines, closing it, and the note that it left as a file.

Whoever decides locks the roles first where something is taken away, then the review, then its lines in their order,
and the end of the trail last; so nothing is decided of a review that is being closed, of two who decide about one
line at once the second is told, and so is whoever decides about an assignment that is no longer as they saw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from rbac.actions.assignment import edition, lock_all_roles, revoke_role
from rbac.models import Assignment, Review, ReviewItem, Role, Standing, Tally
from rbac.reviews.rules import closing_refusal, refusals
from rbac.rules import right_refusal
from settings_store import audit
from ui.forms import sentence_of

# Lines that are confirmed in one transaction, and named in one event.
TOGETHER = 100
# So much of the name of a review stands in the reasons it gives.
SUBJECT_LENGTH = 60

# Fields of a line that say what its assignment was.
FACTS = ("since", "until", "given_by", "reason")

Decision = ReviewItem.Decision


@dataclass(slots=True)
class Outcome:
    """What came of a decision about many lines: how many were decided, and of each other one who and why not."""

    decided: int = 0
    refused: list[tuple[ReviewItem, str]] = field(default_factory=list)
    # Lines that are not, or no longer, of this review.
    missing: int = 0


@transaction.atomic
def start_review(
    *, actor: User, role: Role | None = None, supervisor: User | None = None, due_on: date | None = None
) -> Review:
    """List every lasting assignment of a role, or of everybody in a team, about people in the sight of `actor`."""
    if due_on is not None and due_on < timezone.localdate():
        raise ValidationError({"due_on": _("The due date has passed. Choose today or a later day.")})
    # Of two who begin the same at once the second is told.
    if role is not None:
        list(Role.objects.select_for_update().filter(pk=role.pk).values_list("pk"))
    if supervisor is not None:
        list(User.objects.select_for_update().filter(pk=supervisor.pk).values_list("pk"))
    # Behind the locks, for the right may have been taken while this waited.
    if refusal := right_refusal(actor, "users.write"):
        raise PermissionDenied(refusal)
    if Review.objects.visible_to(actor).running().about(role=role, supervisor=supervisor).exists():
        raise ValidationError(
            _("A review of this is running already. Close it before you begin another."), code="running"
        )
    people = User.objects.visible_to(actor)
    if supervisor is not None:
        people = people.filter(pk__in=User.objects.team_of(supervisor).values("pk"))
    held = Assignment.objects.lasting().filter(user__in=people.values("pk"))
    if role is not None:
        held = held.filter(role=role)
    rows = list(held.select_related("role", "assigned_by", "provider").order_by("user__name_key", "user_id", "role_id"))
    if not rows:
        raise ValidationError(_nothing_to_review(role, supervisor, is_empty=not people.exists()))
    review = Review.objects.create(
        subject=str(role or supervisor), role=role, supervisor=supervisor, due_on=due_on, started_by=actor
    )
    ReviewItem.objects.bulk_create([_line(review, row) for row in rows], batch_size=500)
    about = {"role": str(role)} if role is not None else {"team_of": str(supervisor)}
    due = {"due": due_on.isoformat()} if due_on is not None else {}
    audit.record("review.started", actor=actor, target=review, after={**about, "lines": len(rows), **due})
    return review


def decide_line(
    *,
    actor: User,
    line: ReviewItem,
    decision: str,
    note: str = "",
    seen: Standing = Standing.UNDECIDED,
    seen_edition: str = "",
) -> None:
    """Confirm one assignment or take it away; a ValidationError says why not, also where it is no longer as `seen`."""
    editions = {line.pk: seen_edition}
    outcome = decide_lines(
        actor=actor, review=line.review, seen={line.pk: seen}, editions=editions, decision=decision, note=note
    )
    if outcome.refused:
        raise ValidationError(outcome.refused[0][1], code="refused")
    if outcome.missing:
        raise ValidationError(_("This line is not on the list any more."), code="refused")


def decide_lines(
    *,
    actor: User,
    review: Review,
    seen: Mapping[int, Standing],
    decision: str,
    note: str = "",
    editions: Mapping[int, str] | None = None,
) -> Outcome:
    """The same for many, by their keys; those about whom it is refused are told while the others go on.

    `editions` says which assignments were looked at (see `edition`); the others must be as they were when the review
    began. Cut short, each line is decided with its event in the trail, or not at all.
    """
    if decision not in (Decision.CONFIRMED, Decision.REVOKED):
        raise ValidationError(_("Choose whether to confirm or to take away."), code="decision")
    outcome = Outcome()
    keys = sorted(seen)
    # Taking away is an act of its own for each, with an event about its person.
    together = 1 if decision == Decision.REVOKED else TOGETHER
    for start in range(0, len(keys), together):
        some = {key: _Seen(seen[key], (editions or {}).get(key, "")) for key in keys[start : start + together]}
        _decide(outcome, actor, review, some, decision, note)
    return outcome


@transaction.atomic
def close_review(*, actor: User, review: Review) -> Review:
    """Close it for good: what is undecided stays as it is and is written down as undecided."""
    review = Review.objects.select_for_update().get(pk=review.pk)
    if not review.is_running:
        raise ValidationError(_("This review is closed already."), code="closed")
    if refusal := right_refusal(actor, "users.write") or closing_refusal(actor, review):
        raise PermissionDenied(refusal)
    lines = ReviewItem.objects.filter(review=review)
    tally = lines.tallies().get(review.pk, Tally())
    # What was changed after it was confirmed is undecided.
    lines.outdated().update(decision="")
    lines.standing(Standing.ENDED).update(decision=Decision.ENDED)
    lines.update(last_login=Subquery(User.objects.filter(pk=OuterRef("user_id")).values("last_login")))
    review.closed_at, review.closed_by = timezone.now(), actor
    review.save(update_fields=["closed_at", "closed_by"])
    audit.record("review.closed", actor=actor, target=review, after={"lines": tally.total, "outcome": _outcome(tally)})
    return review


@transaction.atomic
def record_review_export(*, actor: User, review: Review, count: int) -> None:
    """Note that the lines of a review left as a file."""
    audit.record("review.exported", actor=actor, target=review, after={"count": count})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the page showed of a line; without an edition it was not looked at by itself."""

    standing: Standing
    edition: str


def _decide(outcome: Outcome, actor: User, review: Review, seen: Mapping[int, _Seen], decision: str, note: str) -> None:
    with transaction.atomic():
        if decision == Decision.REVOKED:
            lock_all_roles()
        # Rows alone are locked, not joins: MariaDB would lock both sides, PostgreSQL none of an outer one.
        review = Review.objects.select_for_update().get(pk=review.pk)
        lines = list(ReviewItem.objects.select_for_update().filter(review=review, pk__in=seen).order_by("pk"))
        # Behind the locks, for the right may have been taken while this waited.
        if refusal := right_refusal(actor, "users.write"):
            raise PermissionDenied(refusal)
        outcome.missing += len(seen) - len(lines)
        _read(review, lines)
        wrong = _refused(actor, review, lines, seen, decision)
        outcome.refused += [(line, wrong[line.pk]) for line in lines if line.pk in wrong]
        lines = [line for line in lines if line.pk not in wrong and not _is_same(line, decision, note)]
        if not lines:
            return
        try:
            with transaction.atomic():
                if decision == Decision.REVOKED:
                    _take(actor, review, lines[0], note)
                else:
                    _confirm(actor, review, lines, note)
        except (PermissionDenied, ValidationError) as error:
            outcome.refused += [(line, sentence_of(error)) for line in lines]
        else:
            outcome.decided += len(lines)


def _is_same(line: ReviewItem, decision: str, note: str) -> bool:
    return (line.decision, line.note) == (str(decision), note) and not line.is_changed()


def _confirm(actor: User, review: Review, lines: Sequence[ReviewItem], note: str) -> None:
    before = {line.decision for line in lines}
    changed = [line for line in lines if line.is_changed()]
    for line in changed:
        # The line keeps what was confirmed; one without an assignment was refused.
        for name, value in _facts(line.assignment).items() if line.assignment is not None else ():
            setattr(line, name, value)
    # Before the event, for from there on the end of the trail is locked.
    ReviewItem.objects.bulk_update(changed, FACTS)
    ReviewItem.objects.filter(pk__in=[line.pk for line in lines]).update(
        decision=Decision.CONFIRMED, note=note, decided_at=timezone.now(), decided_by=actor
    )
    _record(actor, review, before, Decision.CONFIRMED, lines, note)


def _take(actor: User, review: Review, line: ReviewItem, note: str) -> None:
    before = {line.decision}
    ReviewItem.objects.filter(pk=line.pk).update(
        decision=Decision.REVOKED, note=note, decided_at=timezone.now(), decided_by=actor
    )
    # A line without an assignment was refused.
    if line.assignment is not None:
        revoke_role(actor=actor, user=line.user, role=line.assignment.role, reason=_reason(review, note))
    _record(actor, review, before, Decision.REVOKED, [line], note)


def _record(
    actor: User, review: Review, before: set[str], decision: str, lines: Sequence[ReviewItem], note: str
) -> None:
    audit.record(
        "review.decided",
        actor=actor,
        target=review,
        before={"decision": before.pop() or "undecided"} if len(before) == 1 else None,
        after={"decision": str(decision), "lines": [str(line) for line in lines]},
        reason=note,
    )


def _read(review: Review, lines: Sequence[ReviewItem]) -> None:
    """Give the locked lines what they refer to, as it is now."""
    keys = [line.assignment_id for line in lines if line.assignment_id is not None]
    assignments = {
        row.pk: row for row in Assignment.objects.select_related("role", "assigned_by", "provider").filter(pk__in=keys)
    }
    people = User.objects.in_bulk([line.user_id for line in lines])
    names = User.objects.in_bulk([line.decided_by_id for line in lines if line.decided_by_id is not None])
    for line in lines:
        line.review, line.user = review, people[line.user_id]
        line.assignment = assignments.get(line.assignment_id) if line.assignment_id else None
        line.decided_by = names.get(line.decided_by_id) if line.decided_by_id else None


def _refused(
    actor: User, review: Review, lines: Sequence[ReviewItem], seen: Mapping[int, _Seen], decision: str
) -> dict[int, str]:
    """Why these lines cannot be decided like this, by key."""
    if not review.is_running:
        return dict.fromkeys((line.pk for line in lines), _("This review is closed, so nothing can be decided."))
    now, wrong = timezone.now(), refusals(actor, lines)
    for line in lines:
        standing = line.standing(now)
        if standing is Standing.ENDED:
            wrong[line.pk] = _("This assignment has ended meanwhile, so nothing is to be decided.")
        elif standing is Standing.REVOKED:
            wrong[line.pk] = _taken_already(line)
        elif line.pk not in wrong and not _is_as_seen(line, seen[line.pk]):
            wrong[line.pk] = _("This assignment was changed meanwhile. Look at it again before you decide.")
        elif line.pk not in wrong and standing is not seen[line.pk].standing and line.decided_by_id != actor.pk:
            wrong[line.pk] = _("%(name)s has confirmed this meanwhile. Look again before you decide.") % {
                "name": line.decided_by or _("Somebody")
            }
        elif not line.is_lasting(now):
            wrong[line.pk] = _("This assignment has ended since it was confirmed.")
    return wrong


def _is_as_seen(line: ReviewItem, seen: _Seen) -> bool:
    if line.assignment is None or not seen.edition:
        return not line.is_changed()
    return edition(line.assignment) == seen.edition


def _taken_already(line: ReviewItem) -> str:
    return _("%(name)s has taken this away. To give it again, open the roles of %(person)s.") % {
        "name": line.decided_by or _("Somebody"),
        "person": line.user,
    }


def _reason(review: Review, note: str) -> str:
    """Why a role was taken away, at its assignment: the review, its date, and the note."""
    words = _("Access review of %(subject)s, %(date)s") % {
        "subject": review.subject[:SUBJECT_LENGTH],
        "date": timezone.localdate(review.started_at).isoformat(),
    }
    return f"{words}: {note}"[:300] if note else words


def _line(review: Review, row: Assignment) -> ReviewItem:
    return ReviewItem(review=review, assignment=row, user_id=row.user_id, role_name=row.role.name, **_facts(row))


def _facts(row: Assignment) -> dict[str, Any]:
    """What a line keeps of its assignment."""
    giver: Any = row.provider or row.assigned_by or ""
    values = (row.starts_at or row.assigned_at, row.ends_at, str(giver)[:150], row.reason)
    return dict(zip(FACTS, values, strict=True))


def _outcome(tally: Tally) -> list[str]:
    """How the lines stand, in the words of the trail, which are the same in every language."""
    counts = {
        "confirmed": tally.confirmed,
        "taken away": tally.revoked,
        "ended meanwhile": tally.ended,
        "undecided": tally.undecided,
    }
    return [f"{count} {word}" for word, count in counts.items()]


def _nothing_to_review(role: Role | None, supervisor: User | None, *, is_empty: bool) -> str:
    if role is not None:
        return _("Nobody in your sight holds %(role)s, so there is nothing to review.") % {"role": role}
    if is_empty:
        return _("Nobody is in the team of %(person)s, so there is nothing to review.") % {"person": supervisor}
    return _("Nobody in the team of %(person)s holds a role, so there is nothing to review.") % {"person": supervisor}
