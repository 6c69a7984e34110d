"""The trail as a file: every event that answers a question, newest first, in batches as long as its reader may read."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from datetime import UTC
from typing import Any

from settings_store.database import at_leisure
from settings_store.models import AuditEvent
from settings_store.trail.reading import BIGGEST, Question, read
from ui.spreadsheets import csv_lines, plain

BATCH = 500
FIELDS = [field.attname for field in AuditEvent._meta.concrete_fields]


async def lines(asked: Question, *, kind: str, below: int, allowed: Callable[[], bool]) -> AsyncGenerator[str, None]:
    """The events below the sequence `below`, as "csv" or "jsonl"; it ends where `allowed` says no.

    Each batch is asked for by itself, so that no connection is held while a slow reader reads.
    """
    if kind == "csv":
        yield csv_lines([FIELDS])
    while events := await at_leisure(_next, asked, below, allowed):
        yield csv_lines([_cells(event) for event in events]) if kind == "csv" else _jsonl(events)
        below = events[-1].sequence


def _next(asked: Question, below: int, allowed: Callable[[], bool]) -> list[AuditEvent]:
    return read(asked, below=min(below, BIGGEST), count=BATCH) if allowed() else []


def _values(event: AuditEvent) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in FIELDS}
    values["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return values


def _jsonl(events: list[AuditEvent]) -> str:
    return "".join(f"{json.dumps(_values(event), ensure_ascii=False, sort_keys=False)}\n" for event in events)


def _cells(event: AuditEvent) -> list[str]:
    return [_cell(value) for value in _values(event).values()]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    # Numbers of ours are never negative.
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
