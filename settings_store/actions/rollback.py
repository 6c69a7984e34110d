"""Rolling back what a plan chose: all of it or nothing, each place by a new version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from settings_store import audit
from settings_store.actions.proposal import propose_changes
from settings_store.actions.setting import Change, check_reason, lock_settings, make_changes, protected_keys
from settings_store.circumstances import Actor
from settings_store.models import Proposal, Setting


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What became of it: settings that went back, and proposals for those that are protected."""

    settings: list[Setting] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)


@transaction.atomic
def roll_back(*, actor: Actor | None, changes: Sequence[Change], reason: str = "") -> RolledBack:
    """Give each of these places the value it had; protected ones are proposed.

    Raises as `change_settings` does, StaleSetting where one has changed since the plan was made; nothing is done then.
    """
    check_reason(actor, reason)
    lock_settings()
    protected = protected_keys({change.key for change in changes})
    done, entries = RolledBack(), list[audit.Entry]()
    at_once = [change for change in changes if change.key not in protected]
    if at_once:
        made = make_changes(actor=actor, changes=at_once, reason=reason)
        done.settings.extend(made.settings)
        entries += made.entries
    if protected:
        waiting = [change for change in changes if change.key in protected]
        proposed = propose_changes(actor=actor, changes=waiting, reason=reason, status=Proposal.Status.AWAITING)
        done.proposals.extend(proposed.proposals)
        entries += proposed.entries
    if entries:
        audit.record_many(entries)
    return done
