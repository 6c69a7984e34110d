"""The flags as they hold here: read with all settings, kept by every process, replaced as a whole."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ValidationError

from settings_store.flag import rules
from settings_store.flag.evaluation import Flag
from settings_store.flag.rules import OFF, Document, FlagType
from settings_store.models import Flag as FlagRow
from settings_store.models import Setting
from settings_store.realms import Realm, key_of_flag, realm_of

logger = logging.getLogger(__name__)

# The common environment, whose rules hold where an environment has none of its own.
_COMMON = "default"


@dataclass(frozen=True, slots=True)
class Snapshot:
    flags: Mapping[str, Flag] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)


# By name, for those who evaluate; never changed in place.
current = Snapshot()


def replace(snapshot: Snapshot) -> None:
    global current
    # A mark set on the old copy meanwhile is not lost.
    for key, flag in current.flags.items():
        if flag.asked and key in snapshot.flags:
            snapshot.flags[key].asked = True
    current = snapshot


def forget() -> None:
    global current
    current = Snapshot()


def read(rows: Iterable[Setting]) -> Snapshot:
    """The flags of these rows, in one query for what they are; `rows` may hold settings too."""
    by_place = {(row.key, row.environment): row for row in rows if realm_of(row.key) is Realm.FLAGS}
    flags: dict[str, Flag] = {}
    documents: dict[str, Document] = {}
    for key, kind in FlagRow.objects.filter(archived_at=None).values_list("key", "type"):
        document = _document(key, FlagType(kind), by_place)
        documents[key] = document
        flags[key] = rules.compiled(key, FlagType(kind), document)
    rules.connect(flags, lambda key: documents[key]["needs"] if key in documents else [])
    return Snapshot(flags, documents)


def _document(name: str, kind: FlagType, rows: Mapping[tuple[str, str], Setting]) -> Document:
    for place in (settings.ENVIRONMENT, _COMMON):
        row = rows.get((key_of_flag(name), place))
        if row is None or row.value is None:
            continue
        try:
            return rules.check(row.value, kind)
        except ValidationError as error:
            # Written past the pages, or by a newer release.
            logger.warning("The rules of flag %s in %s are passed over: %s", name, place, error.messages[0])
    return OFF
