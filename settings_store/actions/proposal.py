"""Changes that wait: for somebody else's approval, for their time, or for both.

All of them happen under the lock of all settings, so that of two people who decide at once one comes second and is
told, and no two processes make the same scheduled change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_store import audit, kept
from settings_store.actions.applying import about, apply, end, event, keep_next_due, proposal_context
from settings_store.actions.setting import (
    REASON_LENGTH,
    Change,
    check_change,
    check_reason,
    lock_settings,
    make_changes,
    noun,
    protected_keys,
    rows_of,
    sealed,
    takes_effect,
)
from settings_store.circumstances import Actor, current
from settings_store.models import AuditEvent, Proposal, Protection, Setting
from settings_store.people import Person
from settings_store.realms import realm_of

# The code of a ValidationError about the time, or the note, so that a form can show it there.
ABOUT_TIME, ABOUT_NOTE = "apply_at", "note"
# That of one about a proposal which somebody else has ended meanwhile.
OVER = "over"
AHEAD = timedelta(days=366)
# How many changes of one setting in one environment one person may have waiting.
MOST_PENDING = 20

Act, Status = Proposal.Act, Proposal.Status


@dataclass(frozen=True, slots=True)
class Proposed:
    """Proposals that were made, and what is still to be recorded of them."""

    proposals: list[Proposal]
    entries: list[audit.Entry]


@transaction.atomic
def submit_change(
    *,
    actor: Actor | None,
    key: str,
    environment: str,
    value: str | None,
    reason: str = "",
    expected_version: int | None = None,
    apply_at: datetime | None = None,
) -> Setting | Proposal | None:
    """Change a setting (None: back to default), or propose it where it is protected or meant for a later time.

    Answers the changed setting or the proposal; None where it is so already and nothing happened. Raises as
    `change_settings` does, but never ProtectedSetting.
    """
    check_reason(actor, reason)
    lock_settings()
    is_protected = bool(protected_keys([key]))
    changes = [Change(key=key, environment=environment, value=value, expected_version=expected_version)]
    found: list[Setting] | list[Proposal]
    if is_protected or apply_at is not None:
        _check_time(apply_at)
        status = Status.AWAITING if is_protected else Status.SCHEDULED
        proposed = propose_changes(actor=actor, changes=changes, reason=reason, status=status, apply_at=apply_at)
        found, entries = proposed.proposals, proposed.entries
    else:
        made = make_changes(actor=actor, changes=changes, reason=reason)
        found, entries = made.settings, made.entries
    if not entries:
        return None
    audit.record_many(entries)
    return found[0]


def propose_changes(
    *,
    actor: Actor | None,
    changes: Sequence[Change],
    reason: str,
    status: Proposal.Status,
    apply_at: datetime | None = None,
) -> Proposed:
    """Propose those of these changes that are not so already, under the lock, in a fixed number of queries.

    Raises ValidationError, StaleSetting or UnknownSetting.
    """
    keys = {change.key for change in changes}
    definitions, rows = kept.current_definitions(keys), rows_of(keys)
    proposals, before = [], []
    for change in changes:
        definition = definitions[change.key]
        typed = check_change(definition, change)
        row = rows.get(change.place) or Setting(key=change.key, environment=change.environment)
        if not takes_effect(definition, row, change, typed):
            continue
        proposal = Proposal(
            key=change.key,
            environment=change.environment,
            act=Act.CLEAR if change.value is None else Act.SET,
            base_version=row.version,
            rollback_to=change.rollback_to,
            reason=reason,
            status=status,
            apply_at=apply_at,
        )
        if change.value is not None and definition.is_secret:
            proposal.sealed = sealed(typed, context=proposal_context(proposal), environment=change.environment)
        elif change.value is not None:
            proposal.value = definition.stored(typed)
        proposals.append(proposal)
        before.append({"value": row.value if row.sealed is None else audit.MASK})
    _check_pending(actor, proposals)
    return Proposed(proposals, _write(actor, proposals, before))


def _check_pending(actor: Actor | None, proposals: Sequence[Proposal]) -> None:
    """Raises ValidationError where somebody has very many changes of one setting waiting."""
    if actor is None or not proposals:
        return
    waiting = Proposal.objects.filter(author_id=actor.pk, status__in=Proposal.PENDING)
    counts = waiting.filter(key__in={proposal.key for proposal in proposals}).values_list("key", "environment")
    full = {(key, place) for key, place, count in counts.annotate(count=Count("pk")) if count >= MOST_PENDING}
    found = next((proposal for proposal in proposals if (proposal.key, proposal.environment) in full), None)
    if found is not None:
        raise ValidationError(
            _("You have %(count)d changes of %(proposal)s waiting; withdraw some first.")
            % {"count": MOST_PENDING, "proposal": found}
        )


@transaction.atomic
def protect(*, actor: Actor | None, key: str) -> None:
    """Let a setting change only by approval from now on; what was scheduled without one awaits it too.

    Raises UnknownSetting.
    """
    lock_settings()
    # Under the lock, as it may just be archived, and what is protected is not to be archived.
    kept.current_definition(key)
    if protected_keys([key]):
        return
    Protection.objects.create(key=key, by_id=None if actor is None else actor.pk, by_name=audit.name_of(actor))
    unapproved = Proposal.objects.filter(key=key, status=Status.SCHEDULED, decided_at=None)
    count = unapproved.update(status=Status.AWAITING)
    keep_next_due()
    audit.record_many([about(key, f"{noun(key)}.protected", actor=actor, after={"awaiting_now": count})])


@transaction.atomic
def propose_unprotect(*, actor: Actor | None, key: str, reason: str = "") -> Proposal:
    """Ask that a setting change without approval again: that too is for somebody else to decide."""
    check_reason(actor, reason)
    lock_settings()
    kept.current_definition(key)
    if not protected_keys([key]):
        raise ValidationError(_("It is not protected."))
    if Proposal.objects.filter(key=key, act=Act.UNPROTECT, status=Status.AWAITING).exists():
        raise ValidationError(_("Taking the protection away is proposed already."))
    proposal = Proposal(key=key, act=Act.UNPROTECT, reason=reason, status=Status.AWAITING)
    audit.record_many(_write(actor, [proposal], [None]))
    return proposal


@transaction.atomic
def approve(*, actor: Actor, proposal: Proposal, note: str = "") -> Proposal:
    """Say yes to what somebody else proposed: it is made at once, or at its time.

    The proposal comes back applied, scheduled or, where it cannot be made any more, failed. Raises ValidationError.
    """
    found = _decidable(actor, proposal, note)
    _decide(found, actor, note)
    events = [event("proposal.approved", found, actor, reason=note)]
    if found.apply_at is not None and found.apply_at > timezone.now():
        found.status = Status.SCHEDULED
        found.save(update_fields=["status"])
        keep_next_due()
    else:
        events += apply(found, approved_now=True)
    audit.record_many(events)
    return found


@transaction.atomic
def decline(*, actor: Actor, proposal: Proposal, note: str) -> Proposal:
    """Say no, and why; raises ValidationError."""
    found = _decidable(actor, proposal, note)
    if not note.strip():
        raise ValidationError(_("Say why, so that its author knows."), code=ABOUT_NOTE)
    _decide(found, actor, note)
    end(found, Status.DECLINED)
    audit.record_many([event("proposal.declined", found, actor, reason=note)])
    return found


@transaction.atomic
def withdraw(*, actor: Person, proposal: Proposal) -> Proposal:
    """Take back what waits; raises PermissionDenied, or ValidationError where it waits no more."""
    lock_settings()
    found = Proposal.objects.select_for_update().get(pk=proposal.pk)
    if not may_withdraw(actor, found):
        raise PermissionDenied(realm_of(found.key).right("admin"))
    if found.status not in Proposal.PENDING:
        raise ValidationError(_ended(found), code=OVER)
    end(found, Status.WITHDRAWN)
    keep_next_due()
    audit.record_many([event("proposal.withdrawn", found, actor)])
    return found


def is_own(actor: Actor, proposal: Proposal) -> bool:
    """Whether this person made the proposal, under their own name or acting as somebody else."""
    if proposal.author_id is None:
        return False
    around = current()
    mine = {actor.pk} | ({around.impersonator.pk} if around.impersonator else set())
    made = AuditEvent.objects.filter(
        target_type=Proposal._meta.label_lower, target_id=str(proposal.public_id), action="proposal.made"
    )
    return proposal.author_id in mine or made.filter(impersonator_id__in=mine).exists()


def may_withdraw(actor: Person, proposal: Proposal) -> bool:
    """Whether this person may take back what waits: its author, and whoever decides about proposals."""
    return (actor.pk is not None and proposal.author_id == actor.pk) or actor.has_perm(
        realm_of(proposal.key).right("admin")
    )


def _write(
    actor: Actor | None, proposals: Sequence[Proposal], before: Sequence[dict[str, Any] | None]
) -> list[audit.Entry]:
    for proposal in proposals:
        proposal.author_id, proposal.author_name = None if actor is None else actor.pk, audit.name_of(actor)
    # One alone is saved as such: not every database tells the numbers of many.
    if len(proposals) == 1:
        proposals[0].save(force_insert=True)
    else:
        Proposal.objects.bulk_create(proposals, batch_size=500)
    keep_next_due()
    return [
        event("proposal.made", proposal, actor, before=old, reason=proposal.reason)
        for proposal, old in zip(proposals, before, strict=True)
    ]


def _decide(proposal: Proposal, actor: Actor, note: str) -> None:
    proposal.note, proposal.decided_at = note, timezone.now()
    proposal.decided_by_id, proposal.decided_by_name = actor.pk, audit.name_of(actor)
    proposal.save(update_fields=["note", "decided_at", "decided_by_id", "decided_by_name"])


def _check_time(apply_at: datetime | None) -> None:
    now = timezone.now()
    if apply_at is not None and apply_at <= now:
        raise ValidationError(_("This time has passed; choose one that lies ahead."), code=ABOUT_TIME)
    if apply_at is not None and apply_at > now + AHEAD:
        raise ValidationError(_("Choose a time within a year from now."), code=ABOUT_TIME)


def _decidable(actor: Actor, proposal: Proposal, note: str) -> Proposal:
    lock_settings()
    found = Proposal.objects.select_for_update().get(pk=proposal.pk)
    if is_own(actor, found):
        raise ValidationError(_("You proposed this yourself; somebody else decides about it."))
    if found.status != Status.AWAITING:
        raise ValidationError(_ended(found), code=OVER)
    if len(note) > REASON_LENGTH or "\0" in note:
        raise ValidationError(_("The note is too long or holds characters that cannot be kept."), code=ABOUT_NOTE)
    return found


def _ended(proposal: Proposal) -> str:
    match proposal.status:
        case Status.SCHEDULED:
            return _("This does not await approval; it is scheduled.")
        case Status.APPLIED:
            return _("This change is made already.")
        case Status.DECLINED:
            return _("%(name)s declined this already.") % {"name": proposal.decided_by_name}
        case Status.WITHDRAWN:
            return _("This was withdrawn already.")
        case _:
            return _("This failed already.")
