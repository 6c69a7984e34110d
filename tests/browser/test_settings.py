"""Settings as people change them: in their row of the grid, two at once, and without any script."""

from __future__ import annotations

from uuid import uuid4

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_pages import _faults


def _line(page: Page, key: str) -> Locator:
    return page.locator("tbody", has=page.locator("a.key", has_text=key))


def _cell(page: Page, key: str, environment: str) -> Locator:
    return _line(page, key).locator(f"td[data-l={environment}] a.v")


def _create(page: Page, *, default: str = "5") -> str:
    """A whole number of one's own from 1 to 100; answers its key."""
    key = f"team.k{uuid4().hex[:8]}"
    page.goto("/settings/new/")
    page.get_by_role("link", name="integer", exact=True).click()
    page.get_by_role("textbox", name="Key").fill(key)
    page.get_by_role("textbox", name="Name", exact=True).fill("How often")
    page.get_by_role("combobox", name="Category").fill("Team")
    page.get_by_role("textbox", name="Default").fill(default)
    page.get_by_role("textbox", name="At least").fill("1")
    page.get_by_role("textbox", name="At most").fill("100")
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(f"**/settings/{key}/")
    return key


def test_a_value_is_changed_in_its_row(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    page.goto("/settings/")
    _cell(page, key, "Staging").click()
    value = _line(page, key).get_by_label("Value")
    expect(value).to_be_focused()
    assert _faults(page) == []

    value.fill("500")
    _line(page, key).get_by_label("Reason").focus()
    expect(_line(page, key).locator("[data-checked]")).to_have_text("At most 100.")
    # Nothing was sent to be saved, so that Escape leaves the row as it was.
    page.keyboard.press("Escape")
    expect(value).to_be_hidden()
    expect(_cell(page, key, "Staging")).to_be_focused()
    expect(_cell(page, key, "Staging")).to_have_text("5")

    page.keyboard.press("Enter")
    value.fill("500")
    page.keyboard.press("Enter")
    expect(_line(page, key).locator(".error")).to_have_text("At most 100.")
    expect(value).to_have_value("500")
    assert _faults(page) == []
    value.fill("50")
    _line(page, key).get_by_role("button", name="Save as version 1").click()
    expect(page.locator(".toast")).to_contain_text("Saved as version 1.")
    expect(_cell(page, key, "Staging")).to_have_text("50")
    expect(_cell(page, key, "Production")).to_have_text("5")

    page.reload()
    expect(_cell(page, key, "Staging")).to_have_text("50")
    _cell(page, key, "Staging").click()
    _line(page, key).get_by_role("button", name="Back to default").click()
    expect(_cell(page, key, "Staging")).to_have_text("5")
    # The browser tells of each answer that is an error, this one asked for.
    assert [complaint for complaint in complaints if "422" not in complaint] == []


def test_two_people_at_once(house: House, context: BrowserContext, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    other = context.new_page()
    for each in (page, other):
        each.goto(f"/settings/?q={key}")
        _cell(each, key, "Production").click()
        expect(_line(each, key).get_by_label("Value")).to_be_visible()
    _line(page, key).get_by_label("Value").fill("10")
    _line(page, key).get_by_role("button", name="Save as version 1").click()
    expect(_cell(page, key, "Production")).to_have_text("10")

    _line(other, key).get_by_label("Value").fill("20")
    _line(other, key).get_by_role("button", name="Save as version 1").click()
    expect(_line(other, key).locator("[data-theirs]")).to_have_text("10")
    expect(_line(other, key).locator("[data-yours]")).to_have_text("20")
    assert _faults(other) == []
    _line(other, key).get_by_role("link", name="Keep theirs").click()
    expect(_cell(other, key, "Production")).to_have_text("10")

    # The page of the setting asks the same, and this time the person insists.
    for each in (page, other):
        each.goto(f"/settings/{key}/")
    for each, value in ((page, "30"), (other, "40")):
        each.get_by_label("Value").fill(value)
        each.get_by_role("button", name="Save as version 2").click()
    expect(other.locator("[data-theirs]")).to_have_text("30")
    expect(other.get_by_label("Value")).to_have_value("40")
    other.get_by_role("button", name="Save mine over theirs").click()
    expect(other.locator(".toast")).to_contain_text("Saved as version 3.")
    assert [complaint for complaint in complaints if "409" not in complaint] == []


def test_without_scripts(house: House, browser: Browser) -> None:
    context = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    page.goto("/settings/")
    _cell(page, key, "Production").click()
    page.get_by_label("Value").fill("500")
    page.get_by_role("button", name="Save as version 1").click()
    expect(page.locator(".field .error")).to_have_text("At most 100.")
    page.get_by_label("Value").fill("50")
    page.get_by_role("button", name="Save as version 1").click()
    expect(page.locator(".toast")).to_contain_text("Saved as version 1.")
    page.goto("/settings/compare/?left=staging&right=production")
    expect(page.locator("tr", has_text=key).locator("td[data-l=Production]")).to_contain_text("50")

    page.goto(f"/settings/{key}/rules/")
    page.get_by_role("textbox", name="At most").fill("20")
    page.get_by_role("button", name="Save the rules").click()
    expect(page.get_by_role("alert")).to_contain_text("At most 20.")
    page.get_by_role("button", name="Save the rules all the same").click()
    expect(page.locator(".toast")).to_contain_text("The rules are saved")
    page.get_by_role("button", name="Retire").click()
    expect(page.locator(".banner")).to_contain_text("retired")
    page.goto("/settings/?retired=1")
    page.locator("a.key", has_text=key).click()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.locator(".toast")).to_contain_text("Brought back")


def test_the_grid_by_keyboard(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    keys = sorted(_create(page) for _number in range(2))
    page.goto("/settings/?q=team.k")
    _line(page, keys[0]).locator("a.key").focus()
    page.keyboard.press("ArrowRight")
    columns = page.locator("thead th")
    first = columns.nth(1).inner_text().split()[0]
    expect(_cell(page, keys[0], first)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(_line(page, keys[0]).locator("a:focus")).to_have_count(0)
    page.keyboard.press("ArrowUp")
    expect(_cell(page, keys[0], first)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(_line(page, keys[0]).locator("a.key")).to_be_focused()

    page.goto("/settings/")
    skip = page.get_by_role("link", name="Skip Accounts")
    skip.focus()
    following = str(skip.get_attribute("href"))
    page.keyboard.press("Enter")
    expect(page.locator(following)).to_be_focused()
    expect(page.locator(following)).not_to_contain_text("Accounts")
    assert complaints == []


def test_the_pages_of_settings(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    faults = []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for address in (
            "/settings/",
            "/settings/?env=production&env=staging",
            "/settings/?retired=1",
            "/settings/compare/?all=1",
            "/settings/new/",
            "/settings/new/?type=json",
            f"/settings/{key}/",
            f"/settings/{key}/rules/",
        ):
            page.goto(address)
            faults += _faults(page)
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                faults.append(f"{address} runs out of {width}")
    assert faults == []
    assert complaints == []
