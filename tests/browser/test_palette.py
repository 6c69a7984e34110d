"""The palette in a real browser: found while typing, opened by the keyboard, and a page without scripts."""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

FIELD = "Find pages, people, conversations, settings"


@pytest.mark.parametrize("width", [1440, 390])
def test_somebody_is_found_and_opened_by_the_keyboard(
    house: House, page: Page, complaints: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/")
    page.keyboard.press("Control+k")
    palette = page.locator("#palette")
    expect(palette.get_by_role("link", name="Users")).to_be_visible()
    page.keyboard.type("chief")
    expect(palette.locator("[data-found=chief]")).to_be_visible()
    expect(palette.get_by_role("group", name="People").get_by_role("link")).to_have_count(1)
    expect(palette.get_by_role("status")).to_contain_text("found")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/users/*-*/")
    assert complaints == []


def test_settings_and_acts_are_found_by_their_names(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("invite some")
    # Before the answer has come.
    page.keyboard.press("Enter")
    page.wait_for_url("**/users/invite/**")
    page.keyboard.press("Control+k")
    page.get_by_label(FIELD).fill("chat.temp")
    expect(page.locator("#palette .item")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings/chat.temperature/**")
    assert complaints == []


def test_the_first_is_opened_apart_and_escape_leaves_everything_as_it_was(
    house: House, page: Page, context: BrowserContext, complaints: list[str]
) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/roles/")
    page.get_by_role("link", name="Go to").first.click()
    page.get_by_label(FIELD).fill("audit")
    expect(page.locator("#palette .item").first).to_have_text("Audit Run", use_inner_text=True)
    with context.expect_page() as opened:
        page.keyboard.press("Control+Enter")
    opened.value.wait_for_url("**/audit/")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page).to_have_url(f"{house.url}/roles/")
    assert complaints == []


def test_a_late_answer_never_takes_the_place_of_a_newer_one(house: House, page: Page) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    held: list[Route] = []
    page.route("**/palette/?q=aud", lambda route: held.append(route))
    page.goto("/")
    page.keyboard.press("Control+k")
    with page.expect_request(lambda request: request.url.endswith("?q=aud")):
        page.get_by_label(FIELD).fill("aud")
    page.get_by_label(FIELD).fill("flags")
    expect(page.locator("[data-found=flags]")).to_be_visible()
    # It was given up; should it come all the same, it is shown to nobody.
    with suppress(Error):
        held[0].fulfill(body='<div data-found="aud"><a class="item" href="/audit/">Audit</a></div>')
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(page.locator("[data-found=flags]")).to_be_visible()


def test_without_scripts_it_is_a_page(house: House, browser: Browser) -> None:
    page = browser.new_context(base_url=house.url, java_script_enabled=False).new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.get_by_role("link", name="Go to").first.click()
    page.get_by_role("main").get_by_label(FIELD).fill("operator")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("region", name="Roles").get_by_role("link", name="Operator").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Operator")
