"""Secrets given by every way there is are nowhere in the clear: not in the database, the logs, pages or the trail."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from chat.actions.provider import create_provider
from settings_store.actions import change_setting
from settings_store.actions.proposal import submit_change
from settings_store.models import Proposal, Protection, Setting, SettingImport
from settings_store.store import get_setting
from tests.settings_store.conftest import SPARE_KEY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]

CANARY = "kanarienvogel"
OTHERS = [
    CANARY.encode("utf-16-le"),
    base64.b64encode(CANARY.encode()),
    CANARY.encode().hex().encode(),
]
# The one way on which a secret leaves in the clear.
ASKED = ("/reveal/", "/copy/")


class Everything(logging.Handler):
    """All that was logged, with what came along."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__}")


@pytest.fixture
def logged() -> Iterator[Everything]:
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.getLogger("django.db.backends").setLevel(logging.INFO)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


def holds(text: bytes) -> bool:
    return any(form in text for form in (CANARY.encode(), *OTHERS))


def whole(response: Any) -> bytes:
    async def gathered() -> bytes:
        return b"".join([part async for part in response])

    return async_to_sync(gathered)() if response.streaming and response.is_async else b"".join(response)


def every_row() -> Iterator[tuple[str, bytes]]:
    for model in apps.get_models():
        for row in model._base_manager.values_list():
            parts = [bytes(part) if isinstance(part, bytes | memoryview) else str(part).encode() for part in row]
            yield model._meta.label, b"\0".join(parts)


def test_a_secret_is_nowhere_in_the_clear(
    admin: Client, step_up: Callable[[Client], None], logged: Everything, settings: Any, capsys: Any
) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = settings.DATABASE_ENCRYPTION_KEYS | {"staging": SPARE_KEY}
    step_up(admin)
    pages: list[tuple[str, str]] = []

    def ask(method: str, address: str, status: int = 200, **data: Any) -> Any:
        response = getattr(admin, method)(address, data)
        body = whole(response)
        # Else a way would be skipped unseen.
        assert response.status_code == status, (method, address, body.decode("utf-8", "replace")[:2000])
        if not any(address.startswith(f"/settings/suite.secret{asked}") for asked in ASKED):
            pages.append((f"{method} {address}", f"{response.headers} {body.decode('utf-8', 'replace')}"))
        return response

    # By the form: kept, refused because the version is stale, refused because the reason is too long.
    form = "/settings/suite.secret/secret/?environment=production"
    ask("post", form, 302, value=f"{CANARY} form", version="0", reason="")
    ask("post", form, 409, value=f"{CANARY} stale", version="0", reason="")
    ask("post", form, 422, value=f"{CANARY} refused", version="1", reason="x" * 501)
    # By the door for what is no secret, by an action, for a server.
    ask("post", "/settings/suite.secret/change/", 404, value=CANARY, version="1", reason="")
    change_setting(actor=None, key="suite.secret", environment="staging", value=f"{CANARY} action")
    create_provider(actor=None, name="Berlin", base_url="https://berlin.example/v1", key=f"{CANARY} server")
    # By a file that names it in the clear: refused by its line, or whole because it is broken.
    into = {"format": "json", "environment": "production", "passphrase": f"{CANARY} phrase"}
    text = json.dumps({"suite.secret": CANARY})
    ask("get", ask("post", "/settings/import/", 302, text=text, **into).headers["Location"])
    ask("post", "/settings/import/", 422, text=text + "}", **into)
    ask("post", "/settings/import/", 422, text=text.replace("secret", r"s\u0065cret") + "}", **into)
    # By a file where it is sealed, out of this house and, after a change by the admin, into it again.
    out_of = {"environments": "production", "what": "own", "format": "json"}
    file = ask("post", "/settings/export/secrets/", 200, passphrase=f"{CANARY} phrase", **out_of).content.decode()
    assert "gatehouse-sealed:" in file
    row = Setting.objects.get(key="suite.secret", environment="production")
    by_admin = f"/admin/settings_store/setting/{row.pk}/change/"
    ask("post", by_admin, 302, value=f"{CANARY} admin", version="1", reason="", apply_at="")
    ask("post", by_admin, 422, value=f"{CANARY} admin again", version="1", reason="x" * 501, apply_at="")
    shown = ask("post", "/settings/import/", 302, text=file, **into).headers["Location"]
    ask("get", shown)
    ask("post", "/settings/import/", 422, text=file, **into | {"passphrase": f"another {CANARY}"})
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', ask("get", shown).content.decode())
    assert seen
    ask("post", f"{shown}apply/", 302, seen=seen.group(1), reason="sealed by the suite")
    Protection.objects.create(key="suite.secret", by_name="suite")
    author = User.objects.get(username="ana")
    submit_change(actor=author, key="suite.secret", environment="production", value=f"{CANARY} proposed")
    assert Proposal.objects.exists()
    # Read on every way that reads.
    assert get_setting("suite.secret") == f"{CANARY} form"
    assert CANARY in ask("post", "/settings/suite.secret/reveal/").content.decode()
    assert CANARY in ask("post", "/settings/suite.secret/copy/").content.decode()
    ask("post", "/settings/suite.integer/reveal/", 409)
    proposed = Proposal.objects.get()
    for address in (
        "/",
        "/readyz",
        "/settings/",
        f"/settings/?q={CANARY[:4]}",
        "/settings/suite.secret/",
        "/settings/suite.secret/?environment=staging",
        "/settings/compare/?left=production&right=staging",
        "/settings/proposals/",
        f"/settings/proposals/{proposed.public_id}/",
        "/settings/import/",
        "/settings/rollback/",
        "/models/",
        "/audit/",
        "/audit/?q=secret",
        "/audit/export/?format=csv",
        "/audit/export/?format=jsonl",
        "/admin/settings_store/setting/",
        "/admin/settings_store/proposal/",
    ):
        ask("get", address)
    for kind in ("yaml", "json", "env"):
        ask("post", "/settings/export/", environments="production", format=kind, what="held")
    out = StringIO()
    for command in (["settings_list"], ["settings_diff", "production", "staging"], ["rotate_keys", "--dry-run"]):
        call_command(*command, stdout=out, stderr=out)

    asked = CANARY[:4]
    assert [what for what, text in pages if holds(text.encode())] == [], asked
    assert [label for label, row in every_row() if holds(row)] == []
    assert [line for line in logged.lines if holds(line.encode())] == []
    printed = capsys.readouterr()
    assert not holds(f"{out.getvalue()}{printed.out}{printed.err}".encode())
    # And it was there all the time.
    assert SettingImport.objects.count() == 1
    assert get_setting("suite.secret") == f"{CANARY} form"
