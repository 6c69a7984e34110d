"""Flags as people switch them: in their row, with a way back, two at once, and without any script."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_pages import _faults


def _create(page: Page, *, kind: str = "On or off") -> str:
    """A new flag, off everywhere; answers its key."""
    key = f"team.f{uuid4().hex[:8]}"
    page.goto("/flags/new/")
    page.get_by_role("textbox", name="Key").fill(key)
    page.get_by_role("textbox", name="Name", exact=True).fill("A new search")
    page.get_by_role("radio", name=kind).check()
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(f"**/flags/{key}/")
    return key


def _line(page: Page, key: str) -> Locator:
    return page.locator("tbody", has=page.locator("a.key", has_text=key))


def _switch(page: Page, key: str) -> Locator:
    return page.get_by_role("switch", name=f"{key} in production")


def test_a_flag_is_created_switched_and_switched_back(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    page.goto(f"/flags/?q={key}")
    switch, toast = _switch(page, key), page.locator(".toast")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(switch).to_be_focused()
    expect(toast).to_contain_text(f"{key} is switched on in production.")
    assert _faults(page) == []
    page.reload()
    expect(_line(page, key).locator("td[data-l=Production]")).to_contain_text("set here")

    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    toast.get_by_role("button", name="Undo").click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(switch).to_be_focused()
    expect(toast).to_have_count(1)
    expect(toast).to_contain_text("Undone")
    expect(toast.get_by_role("button", name="Undo")).to_have_count(0)

    page.goto(f"/flags/{key}/describe/")
    page.get_by_role("button", name="Archive").click()
    banner = page.get_by_role("status").filter(has_text=f"{key} is archived")
    expect(_line(page, key)).to_have_count(0)
    assert _faults(page) == []
    banner.get_by_role("button", name="Undo").click()
    page.wait_for_url(f"**/flags/{key}/")
    assert complaints == []


def test_undoing_the_first_switch_lets_go_of_the_rules(house: House, page: Page) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    page.goto(f"/flags/?q={key}")
    cell = _line(page, key).locator("td[data-l=Production]")
    expect(cell).to_contain_text("never set")
    _switch(page, key).click()
    expect(cell).to_contain_text("set here")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(cell).to_contain_text("never set")


def test_two_people_at_once(house: House, context: BrowserContext, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    other = context.new_page()
    for each in (page, other):
        each.goto(f"/flags/?q={key}")
    _switch(page, key).click()
    expect(page.locator(".toast")).to_contain_text("switched on")
    _switch(page, key).click()
    expect(_switch(page, key)).to_have_attribute("aria-checked", "false")

    # What the other page shows is two versions old.
    _switch(other, key).click()
    expect(other.locator(".toast")).to_contain_text("Nothing was switched")
    expect(_switch(other, key)).to_have_attribute("aria-checked", "false")
    _switch(other, key).click()
    expect(_switch(other, key)).to_have_attribute("aria-checked", "true")

    # So that the first one's way back is gone.
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast").last).to_contain_text("nothing was undone")
    expect(_switch(page, key)).to_have_attribute("aria-checked", "true")
    assert [complaint for complaint in complaints if "409" not in complaint] == []


def test_a_flag_without_variants_is_not_switched_on(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page, kind="A number: one of several")
    page.goto(f"/flags/?q={key}")
    _switch(page, key).click()
    expect(page.locator(".toast")).to_contain_text("Give it a variant before it is switched on.")
    expect(_switch(page, key)).to_have_attribute("aria-checked", "false")
    assert [complaint for complaint in complaints if "422" not in complaint] == []


def test_a_proposal_from_the_row_is_counted_withdrawn_and_not_made_twice(
    house: House, page: Page, complaints: list[str]
) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    page.goto(f"/flags/{key}/")
    page.get_by_role("button", name="Protect", exact=True).click()
    page.goto(f"/flags/?q={key}")
    tab, toast = page.locator("#tab-awaiting"), page.locator(".toast")
    before = int(tab.locator(".count").inner_text() or 0) if tab.locator(".count").count() else 0
    _switch(page, key).click()
    expect(toast).to_contain_text("is protected, so this is proposed")
    expect(tab.locator(".count")).to_have_text(str(before + 1))
    toast.get_by_role("button", name="Withdraw").focus()
    _switch(page, key).click()
    expect(toast.last).to_contain_text("You proposed this already. Open the proposal")
    expect(tab.locator(".count")).to_have_text(str(before + 1))
    toast.get_by_role("button", name="Withdraw").click()
    expect(toast).to_contain_text("Withdrawn; nothing changes.")
    assert page.url.endswith(f"/flags/?q={key}")
    expect(_line(page, key)).not_to_contain_text("awaits approval")
    assert complaints == []


@pytest.mark.parametrize("width", [390, 700, 1024])
@pytest.mark.parametrize(
    ("address", "name"), [("/flags/", "Columns"), ("/settings/", "Columns"), ("/settings/", "Import")]
)
def test_menus_open_within_the_page(house: House, page: Page, address: str, name: str, width: int) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    _create(page)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    menu = page.locator(".menu", has=page.locator("summary", has_text=name))
    menu.locator("summary").click()
    box = menu.locator(".pop").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_without_scripts(house: House, browser: Browser) -> None:
    context = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    page.goto(f"/flags/?q={key}&state=off")
    _switch(page, key).click()
    banner = page.get_by_role("status").filter(has_text=f"{key} is switched on in production.")
    banner.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_contain_text("Undone")
    expect(_switch(page, key)).to_have_attribute("aria-checked", "false")

    page.goto("/flags/new/")
    page.get_by_role("textbox", name="Key").fill("new search")
    page.get_by_role("textbox", name="Name", exact=True).fill("A new search")
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".field .error")).to_have_text("A key has no spaces: write new-search instead.")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("A new search")


def test_the_pages_of_flags(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    faults = []
    for width, is_dark in ((1440, False), (1440, True), (1024, False), (390, False), (390, True)):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if is_dark else "light", reduced_motion="reduce")
        for address in (
            "/flags/",
            "/flags/?sort=changed&env=staging",
            "/flags/?q=nothing-of-this",
            "/flags/?archived=1",
            "/flags/new/",
            f"/flags/{key}/describe/",
        ):
            page.goto(address)
            faults += _faults(page)
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                faults.append(f"{address} runs out of {width}")
    assert faults == []
    assert complaints == []
