"""The lines of an access review as a file: all of them in sight, harmless in a spreadsheet, noted in the trail."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rbac.actions import assign_role, close_review, decide_line, start_review
from rbac.models import Review
from rbac.reviews import export
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user, role_named
from tests.rbac.reviews import line_of, make_lead, url_of

# The stream asks the database in a thread of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def rows_of(client: Client, review: Review) -> list[dict[str, str]]:
    answer: Any = client.get(url_of(review, "export/"))
    assert answer.status_code == 200

    async def read() -> bytes:
        return b"".join([part async for part in answer])

    text = asyncio.run(read()).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.fixture
def admin() -> User:
    return make_user(role="admin", username="maren", full_name="Maren Holt")


def test_every_line_with_its_decision(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "BATCH", 2)
    odd, gone, last = (make_user(role=None, username=name) for name in ("a-odd", "b-gone", "c-last"))
    User.objects.filter(pk=odd.pk).update(full_name='=HYPERLINK("x")', is_active=False)
    for person, reason in ((odd, "+1;=2"), (gone, ""), (last, "")):
        assign_role(actor=admin, user=person, role=role_named("viewer"), reason=reason)
    review = start_review(actor=admin, role=role_named("viewer"))
    decide_line(actor=admin, line=line_of(review, gone), decision="revoked", note="@left")
    client = client_of(admin)
    rows = rows_of(client, review)
    assert [row["username"] for row in rows] == ["a-odd", "b-gone", "c-last"]
    since, decided = rows[0].pop("since"), rows[1].pop("decided")
    assert (len(since), len(decided)) == (25, 25)
    assert rows[0] == {
        "person": '\'=HYPERLINK("x")',
        "username": "a-odd",
        "email": "a-odd@example.org",
        "active": "no",
        "role": "Viewer",
        "until": "",
        "assigned by": "Maren Holt",
        "reason": "'+1;'=2",
        "last sign-in": "",
        "decision": "undecided",
        "decided by": "",
        "decided": "",
        "note": "",
    }
    assert (rows[1]["decision"], rows[1]["decided by"], rows[1]["note"]) == ("taken away", "Maren Holt", "'@left")
    close_review(actor=admin, review=review)
    assert [row["decision"] for row in rows_of(client, review)] == ["undecided", "taken away", "undecided"]
    events = AuditEvent.objects.filter(action="review.exported")
    assert [(event.target_id, event.after) for event in events] == [(str(review.public_id), {"count": 3})] * 2


def test_the_name_of_the_file_is_plain(admin: User) -> None:
    head = make_user(role=None, full_name='Ωmega "x"\u202e/..')
    make_user(role="viewer", supervisor=head)
    review = start_review(actor=admin, supervisor=head)
    answer = client_of(admin).get(url_of(review, "export/"))
    name = f"access-review-mega-x-{review.started_at:%Y-%m-%d}.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'


def test_only_lines_in_sight(admin: User) -> None:
    lead = make_lead()
    make_user(role="viewer", username="mine", supervisor=lead)
    make_user(role="viewer", username="strange")
    review = start_review(actor=admin, role=role_named("viewer"))
    assert {row["username"] for row in rows_of(client_of(lead), review)} == {lead.username, "mine"}
    assert len(rows_of(client_of(admin), review)) == 3


def test_it_ends_where_the_right_does(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "BATCH", 1)
    for _ in range(3):
        make_user(role="viewer")
    review = start_review(actor=admin, role=role_named("viewer"))
    client = client_of(admin)
    answer: Any = client.get(url_of(review, "export/"))

    async def read() -> list[bytes]:
        parts = []
        async for part in answer:
            parts.append(part)
            if len(parts) == 2:
                await User.objects.filter(pk=admin.pk).aupdate(is_active=False)
        return parts

    # The headings and one line; the next is asked for after the right has ended.
    assert len(asyncio.run(read())) == 2


@pytest.mark.parametrize("key", ["supervisor", "operator", "user", "viewer"])
def test_others_take_out_nothing(admin: User, key: str) -> None:
    make_user(role="guest")
    review = start_review(actor=admin, role=role_named("guest"))
    assert client_of(make_user(role=key)).get(url_of(review, "export/")).status_code == 403
    assert not AuditEvent.objects.filter(action="review.exported").exists()
