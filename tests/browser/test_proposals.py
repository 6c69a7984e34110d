"""Changes that wait, and what is taken back: two people before one setting, in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_pages import _faults

KEY = "chat.messages_per_minute"
PROTECTED = "chat.silence_seconds"
PASSWORD = "a long way down the river"


def _change(page: Page, value: str, *, key: str = KEY, button: str = "Save as version") -> None:
    page.goto(f"/settings/{key}/?environment=staging")
    page.get_by_label("Value").fill(value)
    page.get_by_label("Reason").fill(f"trying {value} out")
    page.get_by_role("button", name=button).click()


def _second_admin(page: Page, house: House, browser: Browser) -> Page:
    """A second person who may administer settings, made on the pages, in a browser of their own."""
    name = f"second{uuid4().hex[:6]}"
    page.goto("/users/new/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.org")
    page.locator("main form button.primary").click()
    password = page.locator("#password").inner_text()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Roles").last.click()
    page.goto(f"{page.url.split('?')[0]}assign/")
    page.get_by_label("Role", exact=True).select_option(label="Admin")
    page.get_by_role("button", name="Assign").click()
    page.wait_for_url(lambda url: not url.endswith("/assign/"))
    theirs = browser.new_context(base_url=house.url).new_page()
    sign_in(theirs, name, password)
    for field, value in zip(
        theirs.locator("form input[type=password]").all(), (password, PASSWORD, PASSWORD), strict=True
    ):
        field.fill(value)
    theirs.locator("form:has(input[type=password]) button").last.click()
    theirs.wait_for_url(lambda url: "/password/" not in url)
    return theirs


def test_a_rollback_is_seen_before_it_happens(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    for value in ("41", "42"):
        _change(page, value)
        expect(page.locator(".log li").first).to_contain_text(f"trying {value} out")
    page.get_by_role("link", name="Roll back to version 1", exact=True).click()
    expect(page.locator(".diff ins")).to_have_text("41")
    expect(page.get_by_role("checkbox")).to_be_checked()
    assert _faults(page) == []
    page.get_by_label("Reason").fill("that was too much")
    page.get_by_role("button", name="Roll back what is ticked").click()
    expect(page.get_by_role("heading", name="1 setting rolled back")).to_be_visible()
    assert _faults(page) == []
    page.get_by_role("link", name=KEY).click()
    newest = page.locator(".log li").first
    expect(newest).to_contain_text("rollback to 1")
    expect(newest).to_contain_text("that was too much")
    expect(newest.locator("ins")).to_have_text("41")
    page.goto("/settings/rollback/")
    assert _faults(page) == []
    assert complaints == []


def test_somebody_else_approves_what_is_protected(
    house: House, browser: Browser, page: Page, complaints: list[str]
) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    other = _second_admin(page, house, browser)
    page.goto(f"/settings/{PROTECTED}/?environment=staging")
    page.get_by_role("button", name="Protect").click()
    expect(page.get_by_text("protected", exact=True)).to_be_visible()
    _change(page, "33", key=PROTECTED, button="Propose")
    expect(page.get_by_role("heading", name="A change awaits approval")).to_be_visible()
    assert _faults(page) == []
    page.get_by_role("link", name="Open proposal").click()
    proposal = page.url
    # Its author may take it back, and nothing else.
    expect(page.get_by_text("You proposed this, so somebody else decides about it.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(page.get_by_role("button", name="Withdraw")).to_be_visible()
    assert _faults(page) == []

    other.goto("/")
    other.get_by_role("link", name="Decide").first.click()
    expect(other).to_have_url(proposal)
    other.get_by_label("Note").fill("seen, fine")
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_text("Approved, and done.")).to_be_visible()

    page.goto(f"/settings/{PROTECTED}/?environment=staging")
    expect(page.get_by_label("Value")).to_have_value("33")
    expect(page.locator(".log li").first).to_contain_text("approved by")

    _change(page, "44", key=PROTECTED, button="Propose")
    page.get_by_role("link", name="Open proposal").click()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("Withdrawn; nothing changes.")).to_be_visible()
    page.goto("/settings/proposals/?tab=done")
    expect(page.locator("tbody tr")).to_have_count(2)
    assert _faults(page) == []
    assert complaints == []


def test_what_is_scheduled_is_seen(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto(f"/settings/{KEY}/?environment=development")
    page.get_by_label("Value").fill("55")
    page.get_by_text("Schedule…").click()
    later = datetime.now(UTC) + timedelta(days=2)
    page.get_by_label("When").fill(later.strftime("%Y-%m-%dT%H:%M"))
    page.get_by_role("button", name="Save as version").click()
    expect(page.get_by_role("heading", name="A change is scheduled")).to_be_visible()
    page.goto("/settings/")
    expect(page.locator(".pending", has_text="55").first).to_contain_text("scheduled")
    page.get_by_role("link", name="Scheduled").click()
    expect(page.get_by_role("cell").filter(has_text="55")).to_be_visible()
    assert _faults(page) == []
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("heading", name="Nothing is scheduled")).to_be_visible()
    assert _faults(page) == []
    assert complaints == []
