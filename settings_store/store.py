"""`get_setting`: the sole reader of settings, at the cost of a dictionary look-up.

Every process keeps a copy of all values. One daemon thread per process asks every quarter of a second whether the
version of all settings has grown, and reads them anew when it has; readers wait for nothing and query nothing. Inside a
transaction that has changed a setting, its own connection reads the database instead, so that it sees what it wrote
and a rollback leaves nothing behind.
"""

from __future__ import annotations

import copy
import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from settings_store import key_use, own
from settings_store.crypto import Damaged, SealedElsewhere
from settings_store.definitions import (
    Definition,
    UnknownSetting,
    beside_code,
    declared,
    define,
    definitions,
    replace_own,
    unknown,
)
from settings_store.flag import snapshot
from settings_store.flag.snapshot import Snapshot
from settings_store.holding import DEFAULT, PLACES, check_newest, held, is_set, locked_value, own_value, secret_context
from settings_store.models import Setting, StoreVersion

__all__ = [
    "DEFAULT",
    "PLACES",
    "Damaged",
    "SealedElsewhere",
    "UnknownSetting",
    "check_newest",
    "define",
    "get_setting",
    "is_set",
    "locked_value",
    "own_value",
    "refresh",
    "secret_context",
    "watch",
]

logger = logging.getLogger(__name__)

FIRST_READ_SECONDS = 15

# Values that cannot be changed by whoever reads them; all of them, with JSON and secrets that do not open.
_values: dict[str, Any] = {}
_every: dict[str, Any] = {}
_version: int | None = None
_loading = threading.Lock()
# Connections with a change of settings in a transaction that has not ended; nearly always none.
_writing: set[BaseDatabaseWrapper] = set()


def get_setting(key: str) -> Any:
    """The value that holds here, in the type its definition names.

    Raises UnknownSetting for a key nobody declared, and SealedElsewhere or Damaged for a secret that does not open.
    """
    if not _writing:
        try:
            return _values[key]
        except KeyError:
            pass
    return _read(key)


def flags_now() -> Snapshot:
    """The flags that hold here, with what this connection's own transaction has changed of them."""
    if _own_writes():
        return snapshot.read(_rows())
    if _version is None:
        _first_read()
    return snapshot.current


def is_writing() -> bool:
    """Whether any transaction of this process has changed settings or flags that nobody else sees yet."""
    return bool(_writing)


def refresh() -> None:
    """Read every value anew, through this thread's connection."""
    global _values, _every, _version
    # One at a time, so that an older reading never replaces a newer one.
    with _loading:
        # The version first: values that are newer than it are merely read once more.
        version = StoreVersion.objects.filter(pk=1).values_list("version", flat=True).first() or 0
        declared_here, rows = own.read(), list(_rows())
        every, flags = _resolve_all(beside_code(declared_here), rows), snapshot.read(rows)
        # In this order, so that whoever reads meanwhile finds every key in the old copy or in the new one; and only
        # now, so that nothing of it happens where a query failed.
        _every = every
        _values = {key: value for key, value in every.items() if not isinstance(value, dict | list | Exception)}
        replace_own(declared_here)
        snapshot.replace(flags)
        # Last, as whoever has waited for the first reading finds all of it once there is a version.
        _version = version


def written() -> None:
    """To be called in the transaction that changed a setting: from here to its end, its connection reads its own."""
    if not _hooked(connection_now := transaction.get_connection()):
        transaction.on_commit(_committed, robust=True)
        _writing.add(connection_now)


def check_locks() -> None:
    """Raises ImproperlyConfigured for a locking variable that cannot be what it should be."""
    for definition in definitions():
        text = locked_value(definition)
        if text is not None:
            try:
                definition.clean(text)
            except ValidationError as error:
                raise ImproperlyConfigured(f"{definition.variable}: {error.messages[0]}") from error


def _read(key: str) -> Any:
    if _own_writes():
        definition = own.current_definition(key)
        return _given(_resolve(definition, {(row.key, row.environment): row for row in _rows(key)}))
    if _version is None:
        _first_read()
    every = _every
    if key not in every:
        if declared(key) is None:
            raise unknown(key)
        # Declared after the copy was made.
        refresh()
        every = _every
    return _given(every[key])


def _given(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value.with_traceback(None)
    # A copy, so that a reader who changes it changes nobody else's.
    return copy.deepcopy(value) if isinstance(value, dict | list) else value


def _rows(key: str = "") -> Iterable[Setting]:
    rows = Setting.objects.filter(environment__in=[DEFAULT, settings.ENVIRONMENT])
    return rows.filter(key=key) if key else rows


def _resolve_all(wanted: Iterable[Definition], rows: Iterable[Setting]) -> dict[str, Any]:
    by_place = {(row.key, row.environment): row for row in rows}
    return {definition.key: _resolve(definition, by_place) for definition in wanted}


def _resolve(definition: Definition, rows: dict[tuple[str, str], Setting]) -> Any:
    found = held(definition, settings.ENVIRONMENT, rows)
    for each in found.passed_over:
        logger.warning("A value of %s from %s is passed over: %s", definition.key, each.source, each.sentence)
    return found.value if found.error is None else found.error


def _hooked(wrapper: BaseDatabaseWrapper) -> bool:
    # The hook leaves this list at commit, and at a rollback of the transaction or savepoint that added it: while it is
    # there, and only then, the connection has changed settings that nobody else sees.
    return any(hook[1] is _committed for hook in list(wrapper.run_on_commit))


def _own_writes() -> bool:
    if not _writing:
        return False
    for wrapper in list(_writing):
        if not _hooked(wrapper):
            _writing.discard(wrapper)
    return bool(_writing) and transaction.get_connection() in _writing


def _committed() -> None:
    _writing.discard(transaction.get_connection())
    refresh()


def when_due(act: Callable[[], None]) -> None:
    """Have `act` called, in a thread of its own, when the time of a scheduled change has come."""
    _acts_when_due.append(act)


_acts_when_due: list[Callable[[], None]] = []
_acting: threading.Thread | None = None
_act_failed = False


def _do_what_is_due(due: datetime | None) -> None:
    # Apart from the thread that watches: what is done may take its time, and settings are read meanwhile.
    global _acting
    if due is None or due > timezone.now() or (_acting is not None and _acting.is_alive()):
        return
    acting = threading.Thread(target=_act, name="scheduled changes", daemon=True)
    # A process that is ending starts no thread any more.
    with suppress(RuntimeError):
        acting.start()
        _acting = acting


def _act() -> None:
    global _act_failed
    try:
        for act in _acts_when_due:
            act()
        _act_failed = False
    # It is still due at the next look, which tries again.
    except Exception as error:
        if not _act_failed:
            logger.warning("Scheduled changes have to wait: %s", type(error).__name__)
        _act_failed = True
    finally:
        connection.close()


def _let_go() -> None:
    # One of a pool is lent: kept from one look to the next it would be missing elsewhere. Any other is this thread's
    # own, and making it anew for each look would cost more than keeping it.
    if connection.settings_dict["OPTIONS"].get("pool"):
        connection.close()


class _Watcher(threading.Thread):
    """Asks for the version of all settings again and again, on a connection of its own."""

    def __init__(self) -> None:
        super().__init__(name="settings", daemon=True)
        self.first_read = threading.Event()
        self.failure: Exception | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                version, due = StoreVersion.objects.values_list("version", "next_due").get(pk=1)
                if version != _version:
                    refresh()
                _do_what_is_due(due)
                self.failure = None
                self.first_read.set()
                key_use.go_round()
                _let_go()
            # Whatever happens to the database, the thread goes on and the last copy stays.
            except Exception as error:
                if self.failure is None:
                    logger.warning("Settings could not be read: %s", type(error).__name__)
                self.failure = error
                connection.close()
                self.first_read.set()
            self.stopped.wait(settings.SETTINGS_POLL_SECONDS)
        connection.close()


_watcher: _Watcher | None = None
_starting = threading.Lock()


def watch() -> None:
    """Begin to watch, so that a process which nobody has asked for anything yet makes scheduled changes too."""
    if settings.SETTINGS_POLL_SECONDS:
        _watching()


def _watching() -> _Watcher:
    global _watcher
    with _starting:
        if _watcher is None:
            _watcher = _Watcher()
            _watcher.start()
        return _watcher


def _first_read() -> None:
    if not settings.SETTINGS_POLL_SECONDS:
        refresh()
        return
    watcher = _watching()
    # The thread reads on its own connection, so the first reader may be asynchronous or inside a transaction.
    watcher.first_read.wait(FIRST_READ_SECONDS)
    if _version is None:
        failure = watcher.failure
        watcher.first_read.clear()
        raise failure or TimeoutError("Settings could not be read in time.")


def stop() -> None:
    """End the thread that watches, so that the process lets go of the database; a cold reading starts another."""
    global _watcher
    with _starting:
        watcher, _watcher = _watcher, None
    if watcher is not None:
        watcher.stopped.set()
        watcher.join()
    if _acting is not None:
        _acting.join(FIRST_READ_SECONDS)


def _forked() -> None:
    # Threads do not survive a fork: the child reads anew and starts its own.
    global _version, _watcher, _acting, _values, _every, _loading, _starting
    _version, _watcher, _acting, _values, _every = None, None, None, {}, {}
    _loading, _starting = threading.Lock(), threading.Lock()
    _writing.clear()
    snapshot.forget()


os.register_at_fork(after_in_child=_forked)
