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
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.functional import Promise

from settings_store.crypto import CannotOpen, Damaged, SealedElsewhere, open_sealed
from settings_store.definitions import Definition, UnknownSetting, define, definition_of, definitions
from settings_store.models import Setting, StoreVersion

__all__ = [
    "DEFAULT",
    "Damaged",
    "SealedElsewhere",
    "UnknownSetting",
    "define",
    "get_setting",
    "locked_value",
    "refresh",
    "secret_context",
]

logger = logging.getLogger(__name__)

# The common environment, whose values hold where an environment has none of its own.
DEFAULT = "default"
FIRST_READ_SECONDS = 15

# Values that cannot be changed by whoever reads them. All else (JSON, secrets that do not open) is in _guarded.
_values: dict[str, Any] = {}
_guarded: dict[str, Any] = {}
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


def refresh() -> None:
    """Read every value anew, through this thread's connection."""
    global _values, _guarded, _version
    # One at a time, so that an older reading never replaces a newer one.
    with _loading:
        # The version first: values that are newer than it are merely read once more.
        version = StoreVersion.objects.filter(pk=1).values_list("version", flat=True).first() or 0
        plain: dict[str, Any] = {}
        guarded: dict[str, Any] = {}
        for key, value in _resolve_all(definitions(), _rows()).items():
            (guarded if isinstance(value, dict | list | Exception) else plain)[key] = value
        _guarded, _values, _version = guarded, plain, version


def written() -> None:
    """To be called in the transaction that changed a setting: from here to its end, its connection reads its own."""
    if not _hooked(connection_now := transaction.get_connection()):
        transaction.on_commit(_committed, robust=True)
        _writing.add(connection_now)


def locked_value(definition: Definition) -> str | None:
    """The text of the environment variable that locks the setting here, if there is one."""
    return settings.SETTING_LOCKS.get(definition.variable)


def secret_context(key: str, version: int) -> str:
    """What a secret is bound to, beside its environment."""
    return f"setting:{key}:{version}"


def own_value(definition: Definition, row: Setting) -> Any:
    """The value a row holds in itself; raises CannotOpen, or ValidationError where it breaks today's rules."""
    if row.sealed is not None:
        context = secret_context(row.key, row.version)
        return open_sealed(bytes(row.sealed), context=context, environment=row.environment).decode()
    return definition.loaded(row.value)


def is_set(row: Setting | None) -> bool:
    """Whether the row holds a value; one that was cleared keeps only its history."""
    return row is not None and (row.value is not None or row.sealed is not None)


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
    definition = definition_of(key)
    if _own_writes():
        return _given(_resolve(definition, {(row.key, row.environment): row for row in _rows(key)}))
    if _version is None:
        _first_read()
    if key in _values:
        return _values[key]
    if key not in _guarded:
        # Declared after the copy was made.
        refresh()
    return _values[key] if key in _values else _given(_guarded[key])


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
    """The value that holds: locked by a variable, else of this environment, else common, else from code."""
    text = locked_value(definition)
    if text is not None:
        return definition.clean(text)
    for environment in (settings.ENVIRONMENT, DEFAULT):
        row = rows.get((definition.key, environment))
        if row is not None and is_set(row):
            try:
                return own_value(definition, row)
            except CannotOpen as error:
                return error
            except ValidationError as error:
                # The rules were tightened after the value was given: the next best value holds until it is mended.
                logger.warning(
                    "The value of %s in %s breaks its rules: %s", definition.key, environment, error.messages[0]
                )
    return str(definition.default) if isinstance(definition.default, Promise) else definition.default


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
                if StoreVersion.objects.filter(pk=1).values_list("version", flat=True).first() != _version:
                    refresh()
                self.failure = None
                self.first_read.set()
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


def _first_read() -> None:
    global _watcher
    if not settings.SETTINGS_POLL_SECONDS:
        refresh()
        return
    with _starting:
        if _watcher is None:
            _watcher = _Watcher()
            _watcher.start()
        watcher = _watcher
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


def _forked() -> None:
    # Threads do not survive a fork: the child reads anew and starts its own.
    global _version, _watcher, _values, _guarded, _loading, _starting
    _version, _watcher, _values, _guarded = None, None, {}, {}
    _loading, _starting = threading.Lock(), threading.Lock()
    _writing.clear()


os.register_at_fork(after_in_child=_forked)
