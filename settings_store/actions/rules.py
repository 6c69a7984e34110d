"""The rules of a flag in one environment, written by somebody who saw which ones hold there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from settings_store import kept
from settings_store.actions.proposal import submit_change
from settings_store.actions.setting import StaleSetting, lock_settings, rows_of, text_of
from settings_store.circumstances import Actor
from settings_store.definitions import Definition
from settings_store.flag.rules import Document
from settings_store.holding import DEFAULT, Rows, is_set, without_own
from settings_store.models import Proposal, Setting
from settings_store.realms import key_of_flag


@dataclass(frozen=True, slots=True)
class Seen:
    """The versions a person saw: that of the environment's own rules, and of the common ones; 0 for none."""

    own: int
    common: int


@transaction.atomic
def change_rules(
    *,
    actor: Actor | None,
    key: str,
    environment: str,
    document: Document | None,
    seen: Seen,
    reason: str = "",
    apply_at: datetime | None = None,
) -> Setting | Proposal | None:
    """Give an environment rules of its own; with no document, take them away.

    Answers and raises as `submit_change`, StaleSetting also where the common rules that the person saw hold no more.
    """
    lock_settings()
    definition = kept.current_definition(key_of_flag(key))
    refuse_stale_common(definition, environment, rows_of([definition.key]), seen, document)
    return submit_change(
        actor=actor,
        key=definition.key,
        environment=environment,
        value=None if document is None else text_of(definition, document),
        reason=reason,
        expected_version=seen.own,
        apply_at=apply_at,
    )


def refuse_stale_common(
    definition: Definition, environment: str, rows: Rows, seen: Seen, document: Document | None
) -> None:
    """Raises StaleSetting where an environment without own rules follows common ones that the person did not see."""
    common = rows.get((definition.key, DEFAULT))
    if environment == DEFAULT or is_set(rows.get((definition.key, environment))) or common is None:
        return
    if common.version != seen.common:
        theirs = without_own(definition, environment, rows).value
        raise StaleSetting(common, definition.shown(theirs), definition.shown(document or theirs))
