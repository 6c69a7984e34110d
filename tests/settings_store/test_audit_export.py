"""What is filtered as a file: whole, harmless in a spreadsheet, noted, and only as long as its reader may read."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from settings_store import audit
from settings_store.models import AuditEvent
from settings_store.trail import export
from settings_store.trail.reading import question

# The stream asks the database in a thread of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def streamed(response: Any) -> str:
    """All that a response still streams."""

    async def read() -> bytes:
        return b"".join([part async for part in response])

    return asyncio.run(read()).decode()


def fetched(client: Client, query: str) -> str:
    response = client.get(f"/audit/export/?{query}")
    assert response.status_code == 200
    return streamed(response)


def recorded(action: str, **options: Any) -> AuditEvent:
    with transaction.atomic():
        return audit.record(action, actor=None, **options)


def test_a_file_holds_what_is_filtered_and_nothing_else(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "BATCH", 3)
    for number in range(10):
        recorded("widget.made", target_name=f"Größe {number}", after={"n": number})
    recorded("gadget.made")
    rows = [json.loads(line) for line in fetched(viewer, "format=jsonl&action=widget.").splitlines()]
    assert [row["after"]["n"] for row in rows] == list(range(9, -1, -1))
    assert set(rows[0]) == {field.attname for field in AuditEvent._meta.concrete_fields}
    table = list(csv.DictReader(io.StringIO(fetched(viewer, "format=csv&action=widget."))))
    assert [row["target_name"] for row in table] == [f"Größe {number}" for number in range(9, -1, -1)]


def test_no_cell_is_a_formula(viewer: Client) -> None:
    for text in (
        *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"),
        *("\u200b=1+1", "\ufeff=1+1", "\u00a0=1+1", "\u200b \u202e=1+1", "＝1+1"),
    ):
        recorded("widget.made", target_name=text, reason=text)
    for row in csv.DictReader(io.StringIO(fetched(viewer, "format=csv&action=widget."))):
        for cell in (row["target_name"], row["reason"]):
            assert cell.startswith("'")


def test_no_formula_begins_in_the_middle_of_a_cell(viewer: Client) -> None:
    # A spreadsheet that parts its cells at semicolons reads on after a quote.
    recorded("widget.made", target_name="x;=1+1", reason="a; b; +1")
    text = fetched(viewer, "format=csv&action=widget.")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["target_name"] == "x;'=1+1"
    assert row["reason"] == "a; b; '+1"
    assert all(line.startswith('"') and line.endswith('"') for line in text.splitlines())


def test_the_trail_notes_what_was_taken(viewer: Client) -> None:
    fetched(viewer, "format=csv&action=widget.&q=blue")
    event = AuditEvent.objects.latest("sequence")
    assert event.action == "audit.exported"
    assert event.after is not None
    assert event.after["format"] == "csv"
    assert event.after["filters"] == {"q": "blue", "action": "widget."}
    assert list(audit.verify()) == []


def test_it_ends_when_its_reader_may_read_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "BATCH", 2)
    for number in range(10):
        recorded("widget.made", target_name=str(number))
    answers = iter([True, True, False])

    asked = question({"action": "widget."})

    async def read() -> list[str]:
        parts = export.lines(asked, kind="jsonl", below=2**40, allowed=lambda: next(answers))
        return [part async for part in parts]

    assert sum(part.count("\n") for part in asyncio.run(read())) == 4


def test_who_signed_out_meanwhile_gets_no_further(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded("widget.made")
    response = viewer.get("/audit/export/?format=jsonl&action=widget.")
    viewer.post("/logout/")
    assert streamed(response) == ""


def test_others_and_odd_questions_are_refused(viewer: Client, person: Client, client: Client) -> None:
    assert viewer.get("/audit/export/").status_code == 404
    assert viewer.get("/audit/export/?format=xml").status_code == 404
    assert viewer.get("/audit/export/?format=csv&address=x").status_code == 404
    assert viewer.post("/audit/export/?format=csv").status_code == 405
    assert person.get("/audit/export/?format=csv").status_code == 403
    assert client.get("/audit/export/?format=csv").status_code == 302
