"""The switch of a flag: on or off in one environment with all else as it is, and taking one's own change back."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from settings_store import kept
from settings_store.actions.proposal import submit_change
from settings_store.actions.rollback import roll_back
from settings_store.actions.rules import Seen, refuse_stale_common
from settings_store.actions.setting import Change, StaleSetting, lock_settings, refuse_protected, rows_of, text_of
from settings_store.circumstances import Actor
from settings_store.definitions import Definition
from settings_store.flag.rules import Document
from settings_store.holding import Rows, held
from settings_store.models import Proposal, Setting, SettingVersion
from settings_store.realms import key_of_flag


class AlreadyProposed(Exception):
    """Just this awaits approval: a second proposal would only be one more to decide about."""

    def __init__(self, proposal: Proposal) -> None:
        super().__init__(str(proposal))
        self.proposal = proposal


@transaction.atomic
def switch_flag(
    *, actor: Actor | None, key: str, environment: str, is_on: bool, seen: Seen, reason: str = ""
) -> Setting | Proposal | None:
    """Give an environment rules of its own: those that hold there, switched on or off.

    Answers as `submit_change`. Raises ValidationError, StaleSetting, AlreadyProposed or UnknownFlag.
    """
    lock_settings()
    definition = kept.current_definition(key_of_flag(key))
    rows = rows_of([definition.key])
    found = held(definition, environment, rows)
    if found.value["on"] == is_on:
        return None
    document = found.value | {"on": is_on}
    # The common rules may be about to become the environment's own, so they must be those the person saw.
    refuse_stale_common(definition, environment, rows, seen, document)
    if proposal := _same_proposed(definition, environment, document, rows):
        raise AlreadyProposed(proposal)
    return submit_change(
        actor=actor,
        key=definition.key,
        environment=environment,
        value=text_of(definition, document),
        reason=reason,
        expected_version=seen.own,
    )


@transaction.atomic
def undo_change(*, actor: Actor, key: str, environment: str, version: int) -> Setting:
    """Put back what the environment had before the person's own newest change, which is this version.

    That takes rules away where there were none, which is their own doing undone and needs no right beyond writing.
    Raises StaleSetting where it is not the newest any more, ProtectedSetting, ValidationError or UnknownFlag.
    """
    lock_settings()
    definition = kept.current_definition(key_of_flag(key))
    row = rows_of([definition.key]).get((definition.key, environment))
    if row is None:
        raise ValidationError(_("There is nothing to undo."))
    if row.version != version:
        raise StaleSetting(row, "", "")
    refuse_protected([definition.key])
    last, *earlier = row.versions.order_by("-version")[:2]
    if last.version != version or actor.pk is None or last.actor_id != actor.pk:
        raise ValidationError(_("Somebody else made this change; roll it back on the page of the flag."))
    before = earlier[0] if earlier else None
    change = Change(
        key=definition.key,
        environment=environment,
        value=_text_of_version(definition, before),
        expected_version=version,
        rollback_to=before.version if before else 0,
    )
    reason = _("Undid version %(version)d.") % {"version": version}
    return roll_back(actor=actor, changes=[change], reason=reason).settings[0]


def _same_proposed(definition: Definition, environment: str, document: Document, rows: Rows) -> Proposal | None:
    """What awaits approval and would change the rules as they are now to just these."""
    row = rows.get((definition.key, environment))
    waiting = Proposal.objects.filter(
        key=definition.key,
        environment=environment,
        act=Proposal.Act.SET,
        status=Proposal.Status.AWAITING,
        apply_at=None,
        base_version=row.version if row else 0,
    )
    value = definition.stored(document)
    return next((proposal for proposal in waiting.order_by("pk") if proposal.value == value), None)


def _text_of_version(definition: Definition, version: SettingVersion | None) -> str | None:
    if version is None or version.cleared or version.value is None:
        return None
    return text_of(definition, definition.loaded(version.value))
