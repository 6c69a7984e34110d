"""What /readyz asks of this floor: each answers with one sentence where something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from django.core.exceptions import ImproperlyConfigured
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from settings_store import sealed
from settings_store.crypto import CannotOpen, Damaged, NoKey, SealedElsewhere, keyring, keyrings
from settings_store.key_use import URGED_AT
from settings_store.models import AuditEvent, AuditHead, KeyUse, Setting
from settings_store.store import check_newest
from settings_store.trail.chain import foreign_words, unknown_key

# So many of the newest values of each kind are opened, and so many of those that do not open are named.
LOOKED_AT, NAMED = 2000, 3


def key_trouble() -> str:
    try:
        if not keyring().newest:
            return _("There is no key.")
        unknown = unknown_key()
        return foreign_words(unknown) if unknown else ""
    except (ImproperlyConfigured, NoKey) as error:
        return str(error)


def trail_trouble() -> str:
    end = AuditHead.objects.filter(pk=1).first()
    if end is None:
        return _("The end of the audit trail is missing.")
    last = AuditEvent.objects.order_by("-sequence").values_list("sequence", "hash").first()
    if last is None and end.sequence == 0:
        return ""
    if last != (end.sequence, end.hash):
        return _("The audit trail does not end where it should; run audit_verify.")
    return ""


def sealed_trouble() -> str:
    """Which sealed values do not open though there are keys of their environment; `init --verify` opens them all."""
    found: list[sealed.Unopened | PutBack] = list(islice(sealed.unopened(LOOKED_AT), LOOKED_AT))
    found += islice(put_back(), LOOKED_AT)
    if not found:
        return ""
    sentences = [_("%(value)s does not open: %(why)s") % {"value": each, "why": each.error} for each in found[:NAMED]]
    more = len(found) - NAMED
    if more > 0:
        sentences.append(
            ngettext("So it is with %(count)d more.", "So it is with %(count)d more.", more) % {"count": more}
        )
    return " ".join([*sentences, *sorted({what_to_do(each.error) for each in found})])


def what_to_do(error: CannotOpen) -> str:
    """What mends a secret that does not open."""
    if isinstance(error, SealedElsewhere):
        return _("Put its key back as an older one, or give the secret anew.")
    return _("Give the secret anew.")


def unopened_settings(count: int) -> list[tuple[Setting, str]]:
    """Settings whose secret does not open, each with what is to be done, in two queries."""
    found = chain(
        ((each.row, each.error) for each in sealed.unopened(LOOKED_AT, of=Setting)),
        ((each.row, each.error) for each in put_back()),
    )
    return [(row, what_to_do(error)) for row, error in islice(found, count)]


@dataclass(frozen=True, slots=True)
class PutBack:
    """A secret in whose place an older one was put, with its number, so that it would open."""

    row: Setting
    error: Damaged

    def __str__(self) -> str:
        return f"{Setting._meta.verbose_name} {self.row}"


def put_back() -> Iterator[PutBack]:
    """The secrets that are older than their own history."""
    for row in Setting.objects.exclude(sealed=None).filter(version__lt=F("last_version")).order_by("pk"):
        try:
            check_newest(row)
        except Damaged as error:
            yield PutBack(row, error)


def key_use_trouble() -> str:
    used = KeyUse.objects.filter(sealed_count__gte=URGED_AT).order_by("pk")
    newest = {ring.newest.id.hex() for ring in keyrings()}
    return " ".join(
        _("The key %(key)s of %(environment)s has sealed %(count)d values: make a newer key and run rotate_keys.")
        % {"key": use.key_id, "environment": use.environment, "count": use.sealed_count}
        for use in used
        if use.key_id in newest
    )
