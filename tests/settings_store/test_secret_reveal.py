"""A secret is shown for half a minute, or copied unseen, to those who may, after their password, and it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from settings_store.actions import change_setting, clear_setting
from settings_store.models import AuditEvent, Setting
from settings_store.views.secret import LIMIT
from tests.settings_store.conftest import SPARE_KEY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]

REVEAL, COPY = "/settings/suite.secret/reveal/", "/settings/suite.secret/copy/"


@pytest.fixture
def proved(admin: Client, step_up: Callable[[Client], None]) -> Client:
    step_up(admin)
    return admin


@pytest.fixture(autouse=True)
def _kept(db: None, every_type: None) -> None:
    change_setting(actor=None, key="suite.secret", environment="production", value="open <sesame>")


def html(response: Any) -> str:
    return str(response.content.decode())


def acts() -> list[str]:
    return list(AuditEvent.objects.filter(action__startswith="secret.").values_list("action", flat=True))


def test_it_is_shown_on_a_page_that_leaves_by_itself_and_is_never_kept(proved: Client) -> None:
    response = proved.post(REVEAL)
    assert "open &lt;sesame&gt;" in html(response)
    assert response.headers["Refresh"] == "30;url=/settings/suite.secret/?environment=production"
    assert "no-store" in response.headers["Cache-Control"]
    event = AuditEvent.objects.latest("sequence")
    assert (event.action, event.actor_name, event.target_name) == (
        "secret.revealed",
        "ana",
        "suite.secret (production)",
    )
    assert "sesame" not in f"{event.before} {event.after}"


def test_the_script_gets_the_part_it_takes_away_after_half_a_minute(proved: Client) -> None:
    response = proved.post(REVEAL, headers={"HX-Request": "true"})
    assert 'data-shown="30"' in html(response)
    assert "open &lt;sesame&gt;" in html(response)
    assert "<html" not in html(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert "Refresh" not in response.headers


def test_it_is_copied_as_plain_text_and_recorded_as_such(proved: Client) -> None:
    response = proved.post(COPY)
    assert (response.content, response.headers["Content-Type"]) == (b"open <sesame>", "text/plain; charset=utf-8")
    assert "no-store" in response.headers["Cache-Control"]
    assert acts() == ["secret.copied"]


@pytest.mark.parametrize("address", [REVEAL, COPY])
def test_the_password_is_asked_for_first(admin: Client, address: str) -> None:
    response = admin.post(address, headers={"Referer": "/settings/suite.secret/"})
    assert response.headers["Location"].startswith("/step-up/?next=")
    by_script = admin.post(address, headers={"HX-Request": "true"})
    assert by_script.headers["HX-Redirect"].startswith("/step-up/")
    assert acts() == []


@pytest.mark.parametrize("address", [REVEAL, COPY])
def test_others_are_refused(
    operator: Client, viewer: Client, person: Client, client: Client, step_up: Callable[[Client], None], address: str
) -> None:
    for other in (viewer, person):
        step_up(other)
        assert other.post(address).status_code == 403
    assert client.post(address).headers["Location"].startswith("/login/")
    assert acts() == []
    assert "/reveal/" not in html(viewer.get("/settings/suite.secret/"))


@pytest.mark.parametrize("address", [REVEAL, COPY])
def test_nothing_is_shown_for_the_asking_alone(proved: Client, address: str) -> None:
    response = proved.get(address)
    assert response.headers["Location"] == "/settings/suite.secret/?environment=production"
    for method in ("put", "patch", "delete", "options"):
        assert getattr(proved, method)(address).status_code == 405
    assert acts() == []


def test_where_there_is_none_to_be_had_one_sentence_says_so(proved: Client, settings: Any) -> None:
    def refused(words: str, query: str = "", key: str = "suite.secret") -> None:
        for act in ("reveal", "copy"):
            response = proved.post(f"/settings/{key}/{act}/{query}")
            assert response.status_code == 409
            assert words in html(response)
            assert "sesame" not in html(response)
            assert "Refresh" not in response.headers

    refused("not set in this environment", "?environment=staging")
    refused("is no secret", key="suite.integer")
    row = Setting.objects.get()
    keys, sealed = settings.DATABASE_ENCRYPTION_KEYS, bytes(row.sealed or b"")
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: SPARE_KEY}
    refused("sealed elsewhere")
    settings.DATABASE_ENCRYPTION_KEYS = keys
    Setting.objects.update(sealed=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    refused("damaged")
    Setting.objects.update(sealed=sealed)
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_SECRET": "sesame of the variable"}
    refused("GATEHOUSE_SETTING_SUITE_SECRET")
    settings.SETTING_LOCKS = {}
    clear_setting(actor=None, key="suite.secret", environment="production")
    refused("not set in this environment")
    assert acts() == []


@pytest.mark.parametrize(
    "address",
    [
        "/settings/suite.nothing/reveal/",
        "/settings/%00/reveal/",
        f"{REVEAL}?environment=moon",
        f"{REVEAL}?environment=default",
        f"{COPY}?environment=%00",
    ],
)
def test_what_does_not_exist_is_not_found(proved: Client, address: str) -> None:
    assert proved.post(address).status_code == 404


def test_whoever_gathers_secrets_is_slowed_down_in_words(proved: Client) -> None:
    for _turn in range(LIMIT):
        assert proved.post(COPY).status_code == 200
    assert proved.post(COPY).status_code == 429
    assert "Wait a little" in html(proved.post(REVEAL))
    by_script = proved.post(REVEAL, headers={"HX-Request": "true"})
    assert by_script.status_code == 409, "the script shows it where the button stood"
    assert "Wait a little" in html(by_script)
    assert len(acts()) == LIMIT


def test_pages_offer_it_only_where_there_is_a_secret_that_opens(admin: Client, operator: Client, settings: Any) -> None:
    assert "/settings/suite.secret/reveal/?environment=production" in html(admin.get("/settings/suite.secret/"))
    listed = html(admin.get("/settings/?q=suite.secret"))
    assert "/settings/suite.secret/copy/?environment=production" in listed
    assert "environment=staging" not in listed.partition("data-secret")[0].partition("/reveal/")[2]
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: SPARE_KEY}
    for page in ("/settings/suite.secret/", "/settings/?q=suite.secret"):
        assert "sealed elsewhere" in html(admin.get(page))
        assert "/reveal/" not in html(admin.get(page))


def test_no_page_that_is_not_asked_shows_it(proved: Client) -> None:
    proved.post(REVEAL)
    for page in ("/settings/suite.secret/", "/settings/?q=suite.secret", "/audit/"):
        assert "sesame" not in html(proved.get(page))
