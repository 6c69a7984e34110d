"""What pages show of flags: each in every environment, with whom it is on for and where its rules come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from settings_store import people
from settings_store.actions.setting import protected_keys, rows_of
from settings_store.definitions import Definition
from settings_store.flag import staleness, use
from settings_store.flag.evaluation import WHOLE
from settings_store.flag.rules import Document, moment, per_cent
from settings_store.holding import DEFAULT, PLACES, Held, held, is_set
from settings_store.kept import flag_definition
from settings_store.models import Flag, Proposal, Setting
from settings_store.realms import key_of_flag
from ui import moments

BATCH = 500
# As many roles as are named in a cell; of more, their number says enough.
NAMED_ROLES = 2


class State(StrEnum):
    """Whom a flag is on for now: everybody, some, or nobody."""

    ON = "on"
    PART = "part"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Pending:
    """A proposal, and what it would make of the rules in a few words."""

    proposal: Proposal
    words: str

    @property
    def awaits(self) -> bool:
        return self.proposal.status == Proposal.Status.AWAITING


@dataclass(frozen=True, slots=True)
class FlagCell:
    """The rules of one flag in one environment as a list shows them."""

    environment: str
    document: Document
    # "own", "default" for those of the common environment, or "" where nobody gave any.
    source: str
    # The version of the environment's own row, 0 where there never was one.
    version: int
    is_set: bool
    state: State
    # What the state is called: "on", "off", "25 %", "targets only", "starts tomorrow".
    words: str
    # Whom it is on for besides, and when, in a few words each.
    notes: Sequence[str] = ()
    waiting: Sequence[Pending] = ()
    # One sentence where rules are given but passed over.
    trouble: str = ""
    # The primary key of whoever changed the environment's own rules last.
    changed_by: int | None = None

    @property
    def is_here(self) -> bool:
        return bool(self.environment == settings.ENVIRONMENT)

    @property
    def is_on(self) -> bool:
        """Where its switch stands, whomever that reaches."""
        return bool(self.document["on"])

    @property
    def share(self) -> int | None:
        """In basis points, where it is on for a part of people by their share."""
        share: int = self.document["share"]
        return share if self.state is State.PART and 0 < share < WHOLE else None


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who changed something of a flag last; of none in particular where it was only created."""

    at: datetime
    name: str
    environment: str = ""


@dataclass(frozen=True, slots=True)
class FlagLine:
    """One flag in every environment."""

    flag: Flag
    definition: Definition
    cells: Sequence[FlagCell]
    changed: LastChange
    is_protected: bool = False
    # Proposals about the flag in all environments.
    waiting: Sequence[Pending] = ()
    evaluated_at: datetime | None = None
    # Why it is stale, in one sentence.
    stale: str = ""

    @property
    def here(self) -> FlagCell:
        return self.at(settings.ENVIRONMENT)

    @property
    def common(self) -> FlagCell:
        return self.at(DEFAULT)

    def at(self, environment: str) -> FlagCell:
        return next(cell for cell in self.cells if cell.environment == environment)


def lines_of(flags: Sequence[Flag], roles: Mapping[int, str] | None = None) -> list[FlagLine]:
    """These flags in every environment, in a fixed number of queries for up to `BATCH` of them.

    `roles` where they are known already.
    """
    keys = [key_of_flag(flag.key) for flag in flags]
    definitions = {flag.key: flag_definition(flag) for flag in flags}
    rows, protected = rows_of(keys), protected_keys(keys)
    waiting = _waiting({definition.key: definition for definition in definitions.values()})
    evaluated, marks = use.last_evaluated([flag.key for flag in flags]), staleness.marks(flags)
    roles, now = people.directory().roles() if roles is None else roles, timezone.now()
    found = {(key, place): held(each, place, rows) for key, each in definitions.items() for place in PLACES}
    off = _off_of({need for each in found.values() for need in each.value["needs"]}, now)
    lines = []
    for flag in flags:
        definition = definitions[flag.key]
        lines.append(
            FlagLine(
                flag,
                definition,
                [
                    _cell(
                        place,
                        found[flag.key, place],
                        rows.get((definition.key, place)),
                        waiting.get((definition.key, place), ()),
                        list(_notes(found[flag.key, place].value, roles, off[place], now)),
                        now,
                    )
                    for place in PLACES
                ],
                _last_change(flag, [row for place in PLACES if (row := rows.get((definition.key, place)))]),
                definition.key in protected,
                waiting.get((definition.key, ""), ()),
                evaluated.get(flag.key),
                marks.get(flag.key, ""),
            )
        )
    return lines


def state_of(document: Document, now: datetime) -> State:
    """Whom these rules are on for at a moment, but for what they depend on: that counts as a part of people."""
    if not document["on"] or _begins(document, now) or _is_over(document, now):
        return State.OFF
    whole = document["share"] == WHOLE and not document["excluded"] and not document["needs"]
    return State.ON if whole else State.PART


def _off_of(names: Collection[str], now: datetime) -> dict[str, set[str]]:
    """By environment which of these flags are off there, or not there at all."""
    there = {flag.key: flag_definition(flag) for flag in Flag.objects.filter(key__in=names, archived_at=None)}
    rows = rows_of(definition.key for definition in there.values())
    on = {
        place: {name for name, each in there.items() if state_of(held(each, place, rows).value, now) is not State.OFF}
        for place in PLACES
    }
    return {place: set(names) - on[place] for place in PLACES}


def _cell(
    place: str,
    found: Held,
    own: Setting | None,
    waiting: Sequence[Pending],
    notes: Sequence[str],
    now: datetime,
) -> FlagCell:
    state = state_of(found.value, now)
    return FlagCell(
        place,
        found.value,
        found.source if found.is_given else "",
        own.version if own is not None else 0,
        is_set(own),
        state,
        _state_words(state, found.value, now),
        notes,
        waiting,
        found.trouble,
        own.updated_by_id if own is not None else None,
    )


def _state_words(state: State, document: Document, now: datetime) -> str:
    if not document["on"]:
        return _("off")
    if state is State.OFF:
        start = _begins(document, now)
        return _("starts %(when)s") % {"when": moments.relative(start, now=now)} if start else _("over")
    share, is_named = document["share"], bool(document["people"] or document["roles"])
    if not is_named:
        return _("on") if share == WHOLE else per_cent(share)
    # Whom, the notes say; the share is that of all others.
    if share == WHOLE:
        return _("everybody")
    return _("%(share)s of others") % {"share": per_cent(share)} if share else _("targets only")


def _notes(document: Document, roles: Mapping[int, str], off: Collection[str], now: datetime) -> Iterable[str]:
    if not document["on"]:
        return
    if end := moment(document["until"]):
        words = _("since %(when)s") if end <= now else _("ends %(when)s")
        yield words % {"when": moments.relative(end, now=now)}
    if document["needs"]:
        needs = [_("%(flag)s (off)") % {"flag": need} if need in off else need for need in document["needs"]]
        yield _("with %(flags)s") % {"flags": ", ".join(needs)}
    if count := len(document["people"]):
        yield ngettext("%(count)d person", "%(count)d people", count) % {"count": count}
    if document["roles"]:
        yield _role_words(document["roles"], roles)
    if count := len(document["excluded"]):
        yield ngettext("without %(count)d person", "without %(count)d people", count) % {"count": count}
    if count := len(document["variants"]):
        yield ngettext("%(count)d variant", "%(count)d variants", count) % {"count": count}


def _role_words(pks: Sequence[int], roles: Mapping[int, str]) -> str:
    names = [roles[pk] for pk in roles if pk in pks]
    if len(pks) <= NAMED_ROLES and len(names) == len(pks):
        return ", ".join(names)
    return ngettext("%(count)d role", "%(count)d roles", len(pks)) % {"count": len(pks)}


def _begins(document: Document, now: datetime) -> datetime | None:
    start = moment(document["from"])
    return start if start is not None and start > now else None


def _is_over(document: Document, now: datetime) -> bool:
    end = moment(document["until"])
    return end is not None and end <= now


def _last_change(flag: Flag, rows: Sequence[Setting]) -> LastChange:
    made = LastChange(flag.created_at, flag.created_by_words)
    changes = [LastChange(row.updated_at, row.updated_by_words, row.environment) for row in rows]
    return max([made, *changes], key=lambda change: change.at)


def _waiting(definitions: Mapping[str, Definition]) -> dict[tuple[str, str], list[Pending]]:
    """What waits for these, oldest first, by key and environment (empty where it is about protection)."""
    found: dict[tuple[str, str], list[Pending]] = {}
    keys = list(definitions)
    for start in range(0, len(keys), BATCH):
        some = Proposal.objects.filter(key__in=keys[start : start + BATCH], status__in=Proposal.PENDING)
        for proposal in some.order_by("pk"):
            pending = Pending(proposal, _proposed_words(definitions[proposal.key], proposal))
            found.setdefault((proposal.key, proposal.environment), []).append(pending)
    return found


def _proposed_words(definition: Definition, proposal: Proposal) -> str:
    match proposal.act:
        case Proposal.Act.UNPROTECT:
            return _("changes at once, without approval")
        case Proposal.Act.CLEAR:
            return _("back to the common rules")
    try:
        return definition.shown(definition.loaded(proposal.value))
    except ValidationError as error:
        # Written past the pages, or for another release.
        return str(error.messages[0])
