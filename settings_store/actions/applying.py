"""Making what was proposed: once it is approved, or when its time has come."""

from __future__ import annotations

import logging
from dataclasses import replace
from hmac import compare_digest
from typing import Any

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_store import audit, kept
from settings_store.actions.setting import (
    Change,
    StaleSetting,
    about_flag,
    lock_settings,
    make_changes,
    noun,
    protected_keys,
    rows_of,
    text_of,
)
from settings_store.circumstances import Actor, circumstances
from settings_store.crypto import CannotOpen, Damaged, open_sealed
from settings_store.definitions import Definition, UnknownSetting
from settings_store.models import AuditEvent, Proposal, Protection, Setting, StoreVersion
from settings_store.people import person_of
from settings_store.realms import Realm, realm_of
from settings_store.trail.chain import chain_keys, event_hash
from ui import moments

logger = logging.getLogger(__name__)

Act, Status = Proposal.Act, Proposal.Status


def apply_due() -> None:
    """Make every scheduled change whose time has come; one that cannot be made says why and stops no other.

    Raises OperationalError or InterfaceError where the database cannot be had just now: the next look tries again.
    """
    due = Proposal.objects.filter(status=Status.SCHEDULED, apply_at__lte=timezone.now()).order_by("apply_at", "pk")
    keys = list(due.values_list("pk", flat=True))
    for pk in keys:
        try:
            _apply_scheduled(pk)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("A scheduled change failed")
            _give_up(pk)
    if not keys:
        # Somebody else was quicker, or the time written down is not right any more.
        with transaction.atomic():
            lock_settings()
            keep_next_due()


def apply(proposal: Proposal, *, approved_now: bool = False) -> list[audit.Entry]:
    """Make the change, or note why it cannot be made, under the lock; answers what is to be recorded of it.

    But for what is `approved_now`, the trail must say that it was approved where that is needed.
    """
    try:
        author = _author(proposal)
        if not approved_now:
            _check_approval(proposal)
        # Read by the id of the request, as what was done under it; everything else there is the approver's own.
        with (
            transaction.atomic(),
            circumstances(address=None, user_agent="", session_id="", key_id="", impersonator=None) as around,
        ):
            entries = [replace(entry, around=around) for entry in _make(proposal, author)]
    except _Obstacle as obstacle:
        proposal.trouble = str(obstacle)[:500]
        end(proposal, Status.FAILED)
        return [event("proposal.failed", proposal, None)]
    end(proposal, Status.APPLIED)
    # What it was stands in the event of the change itself, where there was anything to change.
    old = entries[0].before if entries and proposal.act != Act.UNPROTECT else None
    before = None if old is None else {"value": old["value"]}
    return [*entries, event("proposal.applied", proposal, author, before=before)]


def proposed_value(definition: Definition, proposal: Proposal) -> Any:
    """The typed value that is proposed; raises CannotOpen, or ValidationError where it breaks today's rules."""
    if proposal.act != Act.SET:
        return None
    if definition.is_secret != (proposal.sealed is not None):
        raise Damaged("A secret is kept sealed, and nothing else is.")
    if proposal.sealed is None:
        return definition.loaded(proposal.value)
    return open_sealed(
        bytes(proposal.sealed), context=proposal_context(proposal), environment=proposal.environment
    ).decode()


def proposal_context(proposal: Proposal) -> str:
    """What the secret of a proposal is bound to, beside its environment."""
    return f"proposal:{proposal.public_id}:{proposal.act}:{proposal.key}"


def conflict(proposal: Proposal, row: Setting | None) -> str:
    """One sentence where the setting has changed since it was proposed to change it; empty where it has not."""
    if proposal.act == Act.UNPROTECT or row is None or row.version == proposal.base_version:
        return ""
    return _("%(name)s changed it to version %(version)d on %(when)s; this was proposed for version %(base)d.") % {
        "name": row.updated_by_words,
        "version": row.version,
        "when": moments.exact(row.updated_at),
        "base": proposal.base_version,
    }


def end(proposal: Proposal, status: Proposal.Status) -> None:
    proposal.status, proposal.ended_at = status, timezone.now()
    proposal.save(update_fields=["status", "ended_at", "trouble"])


def keep_next_due() -> None:
    """Write down when the next scheduled change is due."""
    # Asked by the lock before, so the row is this transaction's own.
    soonest = Proposal.objects.filter(status=Status.SCHEDULED).aggregate(at=Min("apply_at"))["at"]
    StoreVersion.objects.filter(pk=1).update(next_due=soonest)


def event(
    action: str,
    proposal: Proposal,
    actor: Actor | None,
    *,
    before: dict[str, Any] | None = None,
    reason: str = "",
) -> audit.Entry:
    """What is to be recorded about a proposal."""
    value = audit.MASK if proposal.sealed is not None else proposal.value
    after: dict[str, Any] = {"act": proposal.act, "author": proposal.author_name}
    if proposal.act == Act.SET:
        after["value"] = value
    if proposal.act != Act.UNPROTECT:
        after |= {"environment": proposal.environment, "for_version": proposal.base_version}
    if proposal.apply_at is not None:
        after["planned_for"] = proposal.apply_at.isoformat()
    if proposal.decided_by_name and proposal.status != Status.DECLINED:
        after["approved_by"] = proposal.decided_by_name
    if proposal.trouble:
        after["trouble"] = proposal.trouble
    return audit.Entry(action, actor=actor, before=before, after=after, reason=reason).about(proposal)


def about(
    key: str, action: str, *, actor: Actor | None, after: dict[str, Any] | None = None, reason: str = ""
) -> audit.Entry:
    """What is to be recorded about a setting, or a flag, in all its environments."""
    # A protection is of the key in all environments; there may be no row yet to point at.
    protection = audit.Entry(
        action,
        actor=actor,
        target_type=Protection._meta.label_lower,
        target_id=key[:64],
        target_name=key,
        after=after,
        reason=reason,
    )
    return about_flag(protection, key)


def _apply_scheduled(pk: int) -> None:
    with transaction.atomic():
        lock_settings()
        found = (
            Proposal.objects.select_for_update()
            .filter(pk=pk, status=Status.SCHEDULED, apply_at__lte=timezone.now())
            .first()
        )
        if found is not None:
            entries = apply(found)
            keep_next_due()
            audit.record_many(entries)


def _give_up(pk: int) -> None:
    with transaction.atomic():
        lock_settings()
        found = Proposal.objects.select_for_update().filter(pk=pk, status=Status.SCHEDULED).first()
        if found is not None:
            found.trouble = _("Something went wrong that nobody expected; the log says more.")
            end(found, Status.FAILED)
            keep_next_due()
            audit.record_many([event("proposal.failed", found, None)])


class _Obstacle(Exception):
    """Why a proposal cannot be made, in one sentence."""


def _author(proposal: Proposal) -> Actor | None:
    """The author, who must still be allowed what they proposed; None is the shell."""
    if proposal.author_id is None:
        return None
    person = person_of(proposal.author_id)
    if person is None or not person.is_active:
        raise _Obstacle(_("%(name)s, who proposed this, is not active any more.") % {"name": proposal.author_name})
    act, right = {Act.SET: "write", Act.CLEAR: "delete", Act.UNPROTECT: "admin"}, realm_of(proposal.key).right
    if not (person.has_perm(right("write")) and person.has_perm(right(act[Act(proposal.act)]))):
        raise _Obstacle(_("%(name)s, who proposed this, may not do it any more.") % {"name": proposal.author_name})
    return person


def _check_approval(proposal: Proposal) -> None:
    """Raises an obstacle where nobody approved what needs it, or who did may not any more.

    The row alone could be changed by whoever writes to the database; an event of the trail they cannot make.
    """
    approval = _approval(proposal)
    if approval is None:
        if proposal.act == Act.UNPROTECT or protected_keys([proposal.key]):
            raise _Obstacle(_("It is protected, and nobody approved this."))
        return
    person = None if approval.actor_id is None else person_of(approval.actor_id)
    if person is None or not person.is_active or not person.has_perm(realm_of(proposal.key).right("admin")):
        raise _Obstacle(_("%(name)s, who approved this, may not do it any more.") % {"name": approval.actor_name})


def _approval(proposal: Proposal) -> AuditEvent | None:
    found = AuditEvent.objects.filter(
        target_type=Proposal._meta.label_lower, target_id=str(proposal.public_id), action="proposal.approved"
    ).first()
    keys = chain_keys() if found is not None else {}
    if found is None or found.chain_key_id not in keys or found.target_name != str(proposal)[:200]:
        return None
    return found if compare_digest(event_hash(found, keys[found.chain_key_id]), found.hash) else None


def _make(proposal: Proposal, author: Actor | None) -> list[audit.Entry]:
    try:
        definition = kept.current_definition(proposal.key)
        if proposal.act == Act.UNPROTECT:
            return _unprotect(proposal, author)
        row = rows_of([proposal.key]).get((proposal.key, proposal.environment))
        moved = conflict(proposal, row)
        if moved:
            raise _Obstacle(moved)
        value = None if proposal.act == Act.CLEAR else text_of(definition, proposed_value(definition, proposal))
        if value is not None and definition.is_secret and proposal.rollback_to is None:
            _check_secret(definition, value)
        change = Change(
            key=proposal.key,
            environment=proposal.environment,
            value=value,
            expected_version=proposal.base_version,
            rollback_to=proposal.rollback_to,
        )
        return make_changes(actor=author, changes=[change], reason=proposal.reason, proposal=proposal).entries
    except CannotOpen as error:
        raise _Obstacle(_("The proposed secret does not open any more.")) from error
    except UnknownSetting as error:
        if realm_of(proposal.key) is Realm.FLAGS:
            raise _Obstacle(_("There is no such flag any more.")) from error
        raise _Obstacle(_("There is no such setting any more.")) from error
    except StaleSetting as error:
        raise _Obstacle(_("It was changed meanwhile.")) from error
    except ValidationError as error:
        raise _Obstacle(error.messages[0]) from error


def _check_secret(definition: Definition, secret: str) -> None:
    try:
        definition.clean(secret)
    except ValidationError:
        # Which rule it breaks would tell something of it.
        raise _Obstacle(_("The proposed secret does not hold to the rules of its setting any more.")) from None


def _unprotect(proposal: Proposal, author: Actor | None) -> list[audit.Entry]:
    if not Protection.objects.filter(key=proposal.key).delete()[0]:
        raise _Obstacle(_("It is not protected."))
    return [about(proposal.key, f"{noun(proposal.key)}.unprotected", actor=author, reason=proposal.reason)]
