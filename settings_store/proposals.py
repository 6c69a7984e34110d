"""What pages show of proposals: old and new beside each other, what stands in the way, and how many wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.auth.context_processors import PermLookupDict
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from settings_store.actions.applying import conflict, proposed_value
from settings_store.actions.setting import rows_of
from settings_store.crypto import CannotOpen
from settings_store.definitions import Definition
from settings_store.fingerprints import fingerprint
from settings_store.flag.changing import Sides, common_rules, is_of_flag, told
from settings_store.holding import Rows
from settings_store.kept import known
from settings_store.models import Proposal, Protection, SettingVersion
from settings_store.realms import Realm, realm_of
from settings_store.trail.differences import Difference
from settings_store.wording import (
    default_in_words,
    in_words,
    row_in_words,
    secret_in_words,
    version_in_words,
)
from ui.guard import stepped_up

Act, Status = Proposal.Act, Proposal.Status
# Beyond this the rail counts no further.
MANY = 99
# As many as one page shows beside settings; all of them have a page of their own.
MOST = 300
MOST_AT_HOME = 20
# A longer value would not arrive in an address.
LONGEST_OFFER = 1000

type Place = tuple[str, str]
type Based = Mapping[tuple[str, str, int], SettingVersion]


@dataclass(frozen=True, slots=True)
class ProposedChange:
    """One proposal as people see it."""

    proposal: Proposal
    # None where nothing declares the setting or flag any more.
    definition: Definition | None
    old: str
    new: str
    # One sentence where the setting changed after it was proposed to change it, and what it is now.
    conflict: str = ""
    now: str = ""
    # Of a flag its rules before and after, line by line.
    lines: Sequence[Difference] = ()

    @property
    def changed_lines(self) -> list[Difference]:
        return [line for line in self.lines if line.kind != "same"]

    @property
    def is_about_value(self) -> bool:
        return self.proposal.act != Act.UNPROTECT

    @property
    def is_secret(self) -> bool:
        return self.proposal.sealed is not None or bool(self.definition and self.definition.is_secret)

    @property
    def is_pending(self) -> bool:
        return self.proposal.status in Proposal.PENDING

    @property
    def again(self) -> str:
        """The query of its page that offers this change once more; a secret is to be given anew."""
        query = {"environment": self.proposal.environment}
        if self.definition is None or self.is_secret or self.proposal.act != Act.SET:
            return urlencode(query)
        if self.proposal.realm is Realm.FLAGS:
            # Rules name people, and are longer than an address: the page reads them itself.
            return urlencode(query | {"again": str(self.proposal.public_id)})
        with suppress(ValidationError):
            text = self.definition.written(self.definition.loaded(self.proposal.value))
            query |= {"value": text} if len(text) <= LONGEST_OFFER else {}
        return urlencode(query)

    @property
    def awaits(self) -> bool:
        return self.proposal.status == Status.AWAITING


@dataclass(frozen=True, slots=True)
class HomeProposals:
    """What waits of settings, or of flags, as Home shows it: others' to decide, and one's own."""

    realm: Realm
    others: list[ProposedChange] = field(default_factory=list)
    own: list[ProposedChange] = field(default_factory=list)


def shown(proposals: Sequence[Proposal], *, prints: bool = False) -> list[ProposedChange]:
    """These proposals with what they change from and to, in a fixed number of queries; secrets as dots.

    `prints`: with fingerprints, for whoever may compare secrets.
    """
    definitions = known({proposal.key for proposal in proposals}, retired=True)
    rows = rows_of({proposal.key for proposal in proposals})
    based = _based_on(proposals)
    changes = []
    for proposal in proposals:
        place = (proposal.key, proposal.environment)
        definition = definitions.get(proposal.key)
        moved = conflict(proposal, rows.get(place)) if proposal.status in Proposal.PENDING else ""
        unset = _("default")
        if proposal.status in Proposal.PENDING:
            # What the default was for those that are over is not known any more.
            unset = default_in_words(definition, proposal.environment, rows)
        old = version_in_words(definition, based.get((*place, proposal.base_version)), otherwise=unset, prints=prints)
        is_told = bool(moved) and proposal.sealed is None and not (definition and definition.is_secret)
        now = row_in_words(definition, rows[place], otherwise=unset) if is_told else ""
        changes.append(ProposedChange(proposal, definition, old, _new(definition, proposal, unset, prints), moved, now))
    return _with_rules(changes, rows, based)


def of_realm(realm: Realm) -> QuerySet[Proposal]:
    """The proposals about settings, or those about flags."""
    return Proposal.objects.filter(realm.rows())


def rights(user: Any, realm: Realm) -> PermLookupDict:
    """What this person may do here, as templates ask for it: `rights.write`."""
    return PermLookupDict(user, realm)


def pending(keys: Iterable[str]) -> dict[Place, list[ProposedChange]]:
    """What waits for these keys, oldest first, by key and environment (empty where it is about protection)."""
    found = Proposal.objects.filter(key__in=list(keys), status__in=Proposal.PENDING).order_by("pk")[:MOST]
    by_place: dict[Place, list[ProposedChange]] = {}
    for change in shown(list(found)):
        by_place.setdefault((change.proposal.key, change.proposal.environment), []).append(change)
    return by_place


def counts(realm: Realm) -> dict[str, int]:
    """How many proposals await approval and how many their time, in one query."""
    return (
        of_realm(realm)
        .filter(status__in=Proposal.PENDING)
        .aggregate(
            awaiting=Count("pk", filter=Q(status=Status.AWAITING)),
            scheduled=Count("pk", filter=Q(status=Status.SCHEDULED)),
        )
    )


def around_setting(request: HttpRequest, key: str, environment: str) -> dict[str, Any]:
    """What the page of one setting, or of one flag, shows of its protection and of what waits for it."""
    waiting, realm = pending([key]), realm_of(key)
    return {
        "realm": realm,
        "rights": rights(request.user, realm),
        "protection": Protection.objects.filter(key=key).first(),
        "waiting": waiting.get((key, environment), []),
        "unprotecting": next(iter(waiting.get((key, ""), [])), None),
        "decides": request.user.has_perm(realm.right("admin")),
        "stepped_up": stepped_up(request),
    }


def for_decision(request: HttpRequest, realm: Realm) -> int:
    """How many proposals this person may decide about here; counts no further than `MANY`, in one query for all."""
    user = request.user
    if not user.has_perm(realm.right("admin")):
        return 0
    if not hasattr(request, "keys_for_decision"):
        waiting = Proposal.objects.filter(status=Status.AWAITING).exclude(author_id=user.pk)
        keys = waiting.values_list("key", flat=True)[: len(Realm) * MANY]
        request.keys_for_decision = list(keys)  # type: ignore[attr-defined]  # the rail asks for each of its lines
    asked: list[str] = request.keys_for_decision  # type: ignore[attr-defined]
    return min(MANY, sum(realm_of(key) is realm for key in asked))


def home(request: HttpRequest) -> dict[str, Any] | None:
    """Home: what waits for this person's decision, and what they proposed themselves; nothing where nothing waits."""
    user = request.user
    readable = [realm for realm in Realm if user.has_perm(realm.right("read"))]
    decided = [realm for realm in readable if user.has_perm(realm.right("admin"))]
    if not readable:
        return None
    mine = Q(author_id=user.pk)
    wanted = [realm.rows() & mine for realm in readable]
    wanted += [realm.rows() & Q(status=Status.AWAITING) & ~mine for realm in decided]
    waiting = Proposal.objects.filter(reduce(or_, wanted), status__in=Proposal.PENDING)
    cards = [HomeProposals(realm) for realm in readable]
    for change in shown(list(waiting.order_by("pk")[:MOST_AT_HOME])):
        card = next(card for card in cards if card.realm is change.proposal.realm)
        (card.own if change.proposal.author_id == user.pk else card.others).append(change)
    found = [card for card in cards if card.others or card.own]
    return {"realms": found} if found else None


def _with_rules(changes: list[ProposedChange], rows: Rows, based: Based) -> list[ProposedChange]:
    """The same with the rules of flags line by line."""
    about_rules = [change for change in changes if change.is_about_value and is_of_flag(change.definition)]
    lines_of = told({change.proposal.pk: _sides(change, rows, based) for change in about_rules})
    return [replace(change, lines=lines_of.get(change.proposal.pk, ())) for change in changes]


def _sides(change: ProposedChange, rows: Rows, based: Based) -> Sides:
    proposal, definition = change.proposal, change.definition
    # What held beside it for those that are over is not known any more.
    common = None
    if definition is not None and change.is_pending:
        common = common_rules(definition, proposal.environment, rows)
    base = based.get((proposal.key, proposal.environment, proposal.base_version))
    clears = proposal.act == Act.CLEAR
    old = common if base is None or base.cleared else base.value
    return Sides(old, common if clears else proposal.value, clears)


def _new(definition: Definition | None, proposal: Proposal, unset: str, prints: bool) -> str:
    if proposal.act == Act.UNPROTECT:
        return _("changes at once, without approval")
    if proposal.act == Act.CLEAR:
        return unset
    if proposal.sealed is None or definition is None:
        return in_words(definition, proposal.value)
    try:
        return secret_in_words(fingerprint(proposal.key, proposed_value(definition, proposal)), prints=prints)
    except CannotOpen as error:
        return secret_in_words(error)


def _based_on(proposals: Iterable[Proposal]) -> Based:
    """The versions that the authors saw, by key, environment and number."""
    wanted = Q(pk__in=[])
    for proposal in proposals:
        if proposal.base_version:
            wanted |= Q(
                setting__key=proposal.key, setting__environment=proposal.environment, version=proposal.base_version
            )
    found = SettingVersion.objects.filter(wanted).select_related("setting", "secret") if len(wanted) > 1 else []
    return {(version.setting.key, version.setting.environment, version.version): version for version in found}
