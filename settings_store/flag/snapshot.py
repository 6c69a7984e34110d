"""The flags as they hold in an environment; those that hold here are kept by every process, and replaced as a whole."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as with_other
from typing import Any

from django.conf import settings

from settings_store.flag.compiling import compiled, connect
from settings_store.flag.evaluation import Flag
from settings_store.flag.rules import Document, FlagType
from settings_store.holding import DEFAULT, held
from settings_store.kept import flag_definition
from settings_store.models import Flag as FlagRow
from settings_store.models import Setting
from settings_store.realms import Realm, realm_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All flags of one environment, but for those that are archived."""

    flags: Mapping[str, Flag] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)
    # Rules that are given but are none: the flag, the environment and what is wrong with them.
    passed_over: tuple[tuple[str, str, str], ...] = ()

    def needs(self, key: str) -> list[str]:
        found: list[str] = self.documents[key]["needs"] if key in self.documents else []
        return found

    def drafted(self, key: str, document: Document) -> Snapshot:
        """The same with other rules of one flag, which others may need."""
        flags = {name: with_other(flag) for name, flag in self.flags.items()}
        flags[key] = compiled(key, FlagType(flags[key].type), document)
        found = Snapshot(flags, {**self.documents, key: document})
        connect(flags, found.needs)
        return found


# By name, for those who evaluate; never changed in place.
current = Snapshot()


def replace(snapshot: Snapshot) -> None:
    global current
    for passed_over in snapshot.passed_over:
        logger.warning("The rules of flag %s in %s are passed over: %s", *passed_over)
    # A mark set on the old copy meanwhile is not lost.
    for key, flag in current.flags.items():
        if flag.asked and key in snapshot.flags:
            snapshot.flags[key].asked = True
    current = snapshot


def forget() -> None:
    global current
    current = Snapshot()


def read(rows: Iterable[Setting], environment: str = "") -> Snapshot:
    """The flags of these rows in an environment, else here, in one query for what they are.

    `rows` may hold settings too.
    """
    place = environment or settings.ENVIRONMENT
    by_place = {(row.key, row.environment): row for row in rows if realm_of(row.key) is Realm.FLAGS}
    flags: dict[str, Flag] = {}
    documents: dict[str, Any] = {}
    passed_over = []
    for row in FlagRow.objects.filter(archived_at=None).order_by("key"):
        found = held(flag_definition(row), place, by_place)
        passed_over += [
            (row.key, place if each.source == "own" else DEFAULT, each.sentence) for each in found.passed_over
        ]
        documents[row.key] = found.value
        flags[row.key] = compiled(row.key, FlagType(row.type), found.value)
    snapshot = Snapshot(flags, documents, tuple(passed_over))
    connect(flags, snapshot.needs)
    return snapshot
