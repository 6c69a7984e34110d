"""What pages show of proposals: old and new beside each other, what stands in the way, and how many wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from settings_store.actions.applying import conflict, proposed_value
from settings_store.actions.setting import rows_of
from settings_store.crypto import CannotOpen
from settings_store.definitions import Definition
from settings_store.fingerprints import fingerprint
from settings_store.models import Proposal, Protection, SettingVersion
from settings_store.own import known
from settings_store.wording import default_in_words, in_words, row_in_words, secret_in_words, version_in_words
from ui.guard import stepped_up

Act, Status = Proposal.Act, Proposal.Status
# Beyond this the rail counts no further.
MANY = 99
# As many as one page shows beside settings; all of them have a page of their own.
MOST = 300
# A longer value would not arrive in an address.
LONGEST_OFFER = 500


@dataclass(frozen=True, slots=True)
class ProposedChange:
    """One proposal as people see it."""

    proposal: Proposal
    # None where nothing declares the setting any more.
    definition: Definition | None
    old: str
    new: str
    # One sentence where the setting changed after it was proposed to change it, and what it is now.
    conflict: str = ""
    now: str = ""

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
        """The query of the setting's page that offers this change once more; a secret is to be given anew."""
        query = {"environment": self.proposal.environment}
        if self.definition and not self.is_secret and self.proposal.act == Act.SET:
            with suppress(ValidationError):
                text = self.definition.written(self.definition.loaded(self.proposal.value))
                query |= {"value": text} if len(text) <= LONGEST_OFFER else {}
        return urlencode(query)

    @property
    def awaits(self) -> bool:
        return self.proposal.status == Status.AWAITING


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
    return changes


def pending(keys: Iterable[str]) -> dict[tuple[str, str], list[ProposedChange]]:
    """What waits for these settings, oldest first, by key and environment (empty where it is about protection)."""
    found = Proposal.objects.filter(key__in=list(keys), status__in=Proposal.PENDING).order_by("pk")[:MOST]
    by_place: dict[tuple[str, str], list[ProposedChange]] = {}
    for change in shown(list(found)):
        by_place.setdefault((change.proposal.key, change.proposal.environment), []).append(change)
    return by_place


def counts() -> dict[str, int]:
    """How many proposals await approval and how many their time, in one query."""
    return Proposal.objects.filter(status__in=Proposal.PENDING).aggregate(
        awaiting=Count("pk", filter=Q(status=Status.AWAITING)), scheduled=Count("pk", filter=Q(status=Status.SCHEDULED))
    )


def around_setting(request: HttpRequest, key: str, environment: str) -> dict[str, Any]:
    """What the page of one setting shows of its protection and of what waits for it."""
    waiting = pending([key])
    return {
        "protection": Protection.objects.filter(key=key).first(),
        "waiting": waiting.get((key, environment), []),
        "unprotecting": next(iter(waiting.get((key, ""), [])), None),
        "decides": request.user.has_perm("settings.admin"),
        "stepped_up": stepped_up(request),
    }


def for_decision(request: HttpRequest) -> int:
    """How many proposals this person may decide about; counts no further than `MANY`."""
    user = request.user
    if not user.has_perm("settings.admin"):
        return 0
    return Proposal.objects.filter(status=Status.AWAITING).exclude(author_id=user.pk)[:MANY].count()


def home(request: HttpRequest) -> dict[str, Any] | None:
    """Home: what waits for this person's decision, and what they proposed themselves; nothing where nothing waits."""
    user = request.user
    if not user.has_perm("settings.read"):
        return None
    waiting = Proposal.objects.filter(status__in=Proposal.PENDING)
    own = list(waiting.filter(author_id=user.pk).order_by("pk")[:5])
    others = []
    if user.has_perm("settings.admin"):
        others = list(waiting.filter(status=Status.AWAITING).exclude(author_id=user.pk).order_by("pk")[:5])
    if not own and not others:
        return None
    changes = shown([*others, *own])
    return {"others": changes[: len(others)], "own": changes[len(others) :]}


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


def _based_on(proposals: Iterable[Proposal]) -> dict[tuple[str, str, int], SettingVersion]:
    """The versions that the authors saw, by key, environment and number."""
    wanted = Q(pk__in=[])
    for proposal in proposals:
        if proposal.base_version:
            wanted |= Q(
                setting__key=proposal.key, setting__environment=proposal.environment, version=proposal.base_version
            )
    found = SettingVersion.objects.filter(wanted).select_related("setting", "secret") if len(wanted) > 1 else []
    return {(version.setting.key, version.setting.environment, version.version): version for version in found}
