"""Every main page in a real browser: the policy holds, nothing is out of reach, nothing runs out of the window."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

PAGES = (
    "/",
    "/chat/",
    "/conversations/",
    "/prompts/",
    "/prompts/new/",
    "/users/",
    "/users/new/",
    "/roles/",
    "/settings/",
    "/settings/?q=chat&differs=1&unequal=staging:production",
    "/settings/new/",
    "/settings/new/?type=json",
    "/settings/compare/",
    "/settings/compare/?left=default&right=production&all=1",
    "/settings/chat.temperature/",
    "/settings/proposals/",
    "/settings/proposals/?tab=scheduled",
    "/settings/proposals/?tab=done",
    "/settings/rollback/",
    "/settings/export/",
    "/settings/import/",
    "/models/",
    "/models/new/",
    "/models/order/",
    "/audit/",
    "/audit/?actor=chief&address=127.0.0.1&since=2020-01-01",
    "/audit/?live=1",
    "/profile/",
    "/profile/sessions/",
    "/password/",
    "/readyz",
    "/nowhere/",
)


def _faults(page: Page) -> list[str]:
    """What axe finds of the rules of WCAG 2.2 AA, and heads of rows or columns that say nothing."""
    options = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
        "rules": {"empty-table-header": {"enabled": True}},
    }
    found = Axe().run(page, options=options).response["violations"]
    return [f"{page.url}: {rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"][:3]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_main_pages(house: House, page: Page, complaints: list[str], scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.goto("/login/")
    # Leaves an event in the trail that is about nobody.
    page.get_by_label("Email or username").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("do not belong together").wait_for()
    complaints.clear()
    page.goto("/login/")
    faults = _faults(page)
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    for address in PAGES:
        page.goto(address)
        faults += _faults(page)
    assert faults == []
    assert [complaint for complaint in complaints if "/nowhere/" not in complaint] == []


def test_nothing_runs_out_of_a_phone(house: House, context: BrowserContext, complaints: list[str]) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    wide, faults = [], []
    for address in PAGES:
        page.goto(address)
        faults += _faults(page)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(address)
    assert wide == []
    assert faults == []


def test_the_admin_obeys_the_same_policy(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    for address in ("/admin/", "/admin/accounts/user/", "/admin/settings_store/auditevent/"):
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
    assert complaints == []
