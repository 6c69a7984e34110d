"""The rules of a flag as people write them: targets, variants, two at once, test-as; without scripts too."""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_flags import _create
from tests.browser.test_pages import _faults


def _save(page: Page, version: int) -> None:
    page.get_by_role("button", name=f"Save as version {version}").click()
    expect(page.locator(".toast")).to_contain_text(f"Saved as version {version}.")


def test_somebody_and_a_role_are_targeted_and_tested(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    share, rules = page.locator("#share"), page.locator("#rules")
    expect(share).to_contain_text("it is off")
    page.get_by_role("switch", name="On").check()
    page.get_by_label("7. Share of all others").fill("0")
    page.get_by_label("Reason").focus()
    expect(share).to_contain_text("0 of ")
    expect(share).to_contain_text("get it.")

    # Found while typing, taken by the keyboard.
    page.get_by_label("5. People").press_sequentially("chief")
    offer = page.locator("#found-people button")
    expect(offer).to_have_count(1)
    assert _faults(page) == []
    offer.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("5. People")).to_be_focused()
    expect(share).to_contain_text("1 of ")
    chip = rules.get_by_role("button", name="Take", exact=False).filter(has_text="admin")
    expect(chip).to_have_count(1)
    # Somebody who is not there is said to be so, and Enter saves nothing.
    page.get_by_label("4. Excluded people").fill("nemo")
    page.keyboard.press("Enter")
    expect(rules.locator(".error")).to_contain_text("Nobody here is called “nemo”.")
    expect(page.get_by_label("4. Excluded people")).to_have_value("nemo")
    page.get_by_label("4. Excluded people").fill("")
    page.get_by_role("checkbox", name="Operator").check()

    # The form as it stands, beside what is saved.
    tested = page.locator("#tested")
    page.get_by_label("Person, address or key").fill(ADMIN_EMAIL)
    page.get_by_role("button", name="Test", exact=True).click()
    expect(tested.get_by_role("region", name="As in the form")).to_contain_text("is named.")
    expect(tested.get_by_role("region", name="As saved")).to_contain_text("The flag is off for everybody.")
    assert _faults(page) == []
    _save(page, 1)
    expect(page.locator(".log .now")).to_contain_text("For the role Operator")

    page.get_by_label("Person, address or key").press_sequentially("nemo")
    expect(page.locator("#found-as")).to_contain_text("Nobody you may see is called so.")
    page.get_by_label("Person, address or key").fill("")
    page.get_by_label("Or somebody with only one role").select_option("Operator")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(tested).to_contain_text("The role Operator is named.")
    expect(page.locator("#found-as")).to_be_empty()
    page.get_by_label("Or somebody with only one role").select_option("Viewer")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(tested).to_contain_text("The share is 0 %: it is on only for those who are named.")

    rules.get_by_role("button", name="Take", exact=False).filter(has_text="admin").click()
    expect(rules.locator(".chip")).to_have_count(0)
    expect(rules).to_contain_text("Nothing of this is saved yet.")
    _save(page, 2)
    page.goto(f"/flags/{key}/?as={ADMIN_EMAIL}")
    expect(tested).to_contain_text("off")
    assert complaints == []


def test_variants_are_written_and_split(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    _create(page, kind="Text: everybody")
    page.get_by_label("Name of variant 1").fill("short")
    page.get_by_label("Value of variant 1").fill("Be brief.")
    page.get_by_label("Name of variant 2").fill("long")
    page.get_by_label("Value of variant 2").fill("Explain.\nSlowly.")
    page.get_by_role("button", name="Split evenly").click()
    expect(page.get_by_label("Weight of variant 2")).to_have_value("50")
    page.get_by_role("button", name="Another variant").click()
    expect(page.get_by_label("Name of variant 4")).to_be_visible()
    page.get_by_label("Weight of variant 1").fill("70")
    page.get_by_role("switch", name="On").check()
    page.get_by_role("button", name="Save as version 1").click()
    expect(page.locator("#rules .error")).to_have_text("The weights add up to 120 % instead of 100 %.")
    assert _faults(page) == []
    page.get_by_label("Weight of variant 2").fill("30")
    _save(page, 1)
    expect(page.get_by_label("Value of variant 2")).to_have_value("Explain.\nSlowly.")
    page.get_by_label("Person, address or key").fill(ADMIN_EMAIL)
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator("#tested")).to_contain_text("For variants: bucket")
    # The browser tells of each answer that is an error, this one asked for.
    assert [complaint for complaint in complaints if "422" not in complaint] == []


def test_two_people_at_once(house: House, context: BrowserContext, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page)
    other = context.new_page()
    for each in (page, other):
        each.goto(f"/flags/{key}/")
        each.get_by_role("switch", name="On").check()
    for each, share in ((page, "30"), (other, "40")):
        each.get_by_label("7. Share of all others").fill(share)
        each.get_by_role("button", name="Save as version 1").click()
    conflict = other.get_by_role("alert").filter(has_text="Somebody changed this meanwhile")
    expect(conflict.locator("del")).to_have_text("For 30 % of people")
    expect(conflict.locator("ins")).to_have_text("For 40 % of people")
    expect(other.get_by_label("7. Share of all others")).to_have_value("40")
    assert _faults(other) == []
    other.get_by_role("button", name="Save mine over theirs").click()
    expect(other.locator(".toast")).to_contain_text("Saved as version 2.")
    assert [complaint for complaint in complaints if "409" not in complaint] == []


def test_without_scripts(house: House, browser: Browser) -> None:
    context = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    key = _create(page, kind="Text: everybody")
    rules = page.locator("#rules")
    page.get_by_label("5. People").fill(ADMIN_EMAIL)
    rules.get_by_role("listitem").filter(has=page.locator("#rule-people")).get_by_role("button", name="Add").click()
    expect(rules.locator(".chip")).to_contain_text("admin")
    page.get_by_label("Name of variant 1").fill("only")
    page.get_by_label("Value of variant 1").fill("this")
    page.get_by_role("button", name="Split evenly").click()
    expect(page.get_by_label("Weight of variant 1")).to_have_value("100")
    expect(rules.locator(".chip")).to_contain_text("admin")
    page.get_by_role("switch", name="On").check()
    page.get_by_label("7. Share of all others").fill("0")
    page.get_by_role("button", name="Count anew").click()
    expect(page.locator("#share")).to_contain_text("1 of ")
    # Enter saves, and takes nobody away.
    page.get_by_label("7. Share of all others").press("Enter")
    expect(page.locator(".toast")).to_contain_text("Saved as version 1.")
    page.get_by_label("Person, address or key").fill(ADMIN_EMAIL)
    page.get_by_role("button", name="Test", exact=True).click()
    page.wait_for_url(f"**/flags/{key}/?*as=*")
    expect(page.locator("#tested")).to_contain_text("only")
    expect(page.locator("#tested")).to_contain_text("is named.")


def test_the_page_fits_and_is_without_fault(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    keys = [_create(page), _create(page, kind="JSON: one of")]
    faults = []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for key in keys:
            page.goto(f"/flags/{key}/?as=somebody")
            faults += _faults(page)
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                faults.append(f"{key} runs out of {width}")
    assert faults == []
    assert complaints == []
