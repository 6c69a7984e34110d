"""What a full disk looks like from here: the same on every database, said once in the log."""

from __future__ import annotations

import errno
import logging
import sqlite3
import sys
import time
from collections.abc import Iterator

from django.db import Error

# "Database or disk is full", and what a file that cannot grow answers.
_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_POSTGRESQL = "53100"
_MYSQL = {1021, 1114}
# Other errors of MariaDB and MySQL name the one of the system beside them.
_NO_ROOM = ("Errcode: 28", "No space left on device", "Got error 28 ")
_FULL = {errno.ENOSPC, errno.EDQUOT}


def is_full(error: BaseException | None) -> bool:
    """Whether something failed because there was no room left to write it."""
    return any(_is_full(each) for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) in _SQLITE
    if getattr(error, "sqlstate", None) == _POSTGRESQL:
        return True
    if isinstance(error, Error) and len(error.args) == 2:  # Django's, with the arguments of the driver's
        code, words = error.args
        return code in _MYSQL or (isinstance(words, str) and any(sign in words for sign in _NO_ROOM))
    return False


class SayOnce(logging.Filter):
    """Lets one line a minute through about a full disk, without a traceback: logs lie on a disk too."""

    SECONDS = 60.0

    def __init__(self) -> None:
        super().__init__()
        self._said_at = -self.SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        if not is_full(_error_of(record)):
            return True
        now = time.monotonic()
        if now - self._said_at < self.SECONDS:
            return False
        self._said_at = now
        record.exc_info = None
        record.levelno, record.levelname = logging.ERROR, "ERROR"
        sentence = "The disk of the database is full; changes are refused until there is room."
        if isinstance(record.msg, dict):
            kept = {name: value for name, value in record.msg.items() if name not in ("exc_info", "exception")}
            record.msg = kept | {"event": sentence, "level": "error"}
        else:
            record.msg, record.args = sentence, ()
        return True


def _error_of(record: logging.LogRecord) -> BaseException | None:
    if record.exc_info:
        return record.exc_info[1]
    # Structured records carry theirs inside, as an error, its parts, or the wish for the current one.
    told = record.msg.get("exc_info") if isinstance(record.msg, dict) else None
    if isinstance(told, tuple):
        told = told[1]
    return told if isinstance(told, BaseException) else sys.exception() if told else None
