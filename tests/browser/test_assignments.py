"""Who holds a role, in a real browser: given from both sides, paused, edited, ended, and found again under Earlier."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_users import bring_in, fits


def role_page(page: Page, name: str) -> None:
    page.goto("/roles/")
    page.get_by_role("rowheader", name=name).get_by_role("link", name=name, exact=True).first.click()
    page.get_by_role("link", name="People").last.click()
    expect(page.get_by_role("searchbox", name="Search the people of this role")).to_be_visible()


def person_page(page: Page, words: str) -> None:
    page.goto(f"/users/?q={words}")
    page.locator("tr[data-href] a.who").first.click()
    page.get_by_role("link", name="Roles", exact=True).last.click()
    expect(page.get_by_role("heading", name="Roles", exact=True)).to_be_visible()


def test_given_paused_edited_and_ended_on_the_page_of_a_person(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, "email,name\nfern@example.org,Fern Assigned\n")
    person_page(page, "fern")
    page.get_by_role("link", name="Assign a role").click()
    page.get_by_label("Role").select_option("Viewer")
    page.get_by_label("Reason").fill("Yearly review")
    page.get_by_label("Until").fill("2998-01-01T09:30")
    page.get_by_role("button", name="Assign").click()
    row = page.get_by_role("row", name="Viewer")
    expect(row).to_contain_text("active")
    expect(row).to_contain_text("Yearly review")
    row.get_by_role("button", name="Pause Viewer").click()
    expect(row).to_contain_text("paused")
    row.get_by_role("link", name="Edit Viewer").click()
    expect(page.get_by_label("Until")).to_have_value("2998-01-01T09:30")
    page.get_by_label("Active").check()
    page.get_by_label("Reason").fill("Audit of the year")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Audit of the year")
    expect(row.get_by_role("button", name="Pause Viewer")).to_be_visible()
    row.get_by_role("link", name="End Viewer").click()
    page.get_by_label("Reason").fill("Audit is over")
    page.get_by_role("button", name="End role").click()
    earlier = page.get_by_role("region", name="Earlier")
    expect(earlier.get_by_role("row", name="Viewer")).to_contain_text("Audit of the year → Audit is over")
    assert complaints == []


def test_given_to_many_and_acted_upon_on_the_page_of_a_role(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, "email,name\n" + "".join(f"moss{number}@example.org,Moss {number}\n" for number in range(3)))
    role_page(page, "Guest")
    page.get_by_role("link", name="Add people").first.click()
    page.get_by_label("Find people").press_sequentially("moss 0", delay=20)
    page.get_by_role("checkbox", name="Moss 0").check()
    page.get_by_label("Find people").fill("moss 1")
    expect(page.get_by_role("checkbox", name="Moss 1")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Moss 0")).to_be_checked()
    page.get_by_label("Usernames or email").fill("moss2@example.org\nnobody@example.org")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("There is nobody called “nobody@example.org”").first).to_be_visible()
    expect(page.get_by_role("checkbox", name="Moss 0")).to_be_checked()
    page.get_by_label("Usernames or email").fill("moss2@example.org")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("2 people now hold Guest")).to_be_visible()

    page.get_by_role("searchbox", name="Search the people of this role").press_sequentially("moss", delay=20)
    page.wait_for_url("**q=moss*")
    expect(page.locator("[name=id]")).to_have_count(2)
    page.get_by_label("Choose all on this page").check()
    page.get_by_label("What to do").select_option("Pause a role")
    page.get_by_role("button", name="Pause a role…").click()
    confirm_password(page, house)
    expect(page.get_by_role("button", name="Pause a role: Guest (2 people)")).to_be_visible()
    page.get_by_role("button", name="Pause a role").click()
    expect(page.get_by_text("2 people done")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Back to the list").click()
    expect(page.get_by_role("searchbox", name="Search the people of this role")).to_have_value("moss")
    expect(page.locator(".badge", has_text="paused")).to_have_count(2)
    page.get_by_role("combobox", name="State").select_option("earlier")
    expect(page.get_by_text("No one matches")).to_be_visible()
    # The answer that names what is wrong is one a browser notes.
    assert [each for each in complaints if "422" not in each] == []


def confirm_password(page: Page, house: House) -> None:
    page.wait_for_load_state()
    if "/step-up/" in page.url:
        page.get_by_label("Password", exact=True).fill(house.admin_password)
        page.get_by_role("button", name="Confirm").click()


def test_on_a_phone(house: House, context: BrowserContext) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    long = "Wilhelmina " * 13
    bring_in(page, f"email,name\nreed@example.org,{long.strip()}\n")
    person_page(page, "reed")
    page.get_by_role("link", name="Assign a role").click()
    assert fits(page)
    page.get_by_label("Role").select_option("Guest")
    page.get_by_label("Reason").fill("x" * 300)
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_role("row", name="Guest")).to_contain_text("active")
    assert fits(page)
    page.get_by_role("link", name="Edit Guest").click()
    assert fits(page)
    page.get_by_role("link", name="End…").click()
    assert fits(page)
    page.get_by_label("Reason").fill("y" * 300)
    page.get_by_role("button", name="End role").click()
    expect(page.get_by_role("region", name="Earlier")).to_be_visible()
    assert fits(page)
    role_page(page, "Guest")
    page.goto(page.url.partition("?")[0] + "?state=earlier")
    expect(page.get_by_role("row", name="Wilhelmina")).to_be_visible()
    assert fits(page)


def test_without_scripts(house: House, context: BrowserContext) -> None:
    browser = context.browser
    assert browser is not None
    page = context.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, "email,name\nplainly@example.org,Plainly There\n")
    plain = browser.new_context(base_url=house.url, java_script_enabled=False, storage_state=context.storage_state())
    page = plain.new_page()
    role_page(page, "Guest")
    page.get_by_role("link", name="Add people").first.click()
    page.get_by_label("Reason").fill("Kept")
    page.get_by_label("Find people").fill("plainly")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_label("Reason")).to_have_value("Kept")
    page.get_by_role("checkbox", name="Plainly There").check()
    page.get_by_role("button", name="Assign").click()
    page.get_by_role("searchbox", name="Search the people of this role").fill("plainly")
    page.get_by_role("button", name="Filter").click()
    page.locator("[name=id]").check()
    page.get_by_label("What to do").select_option("End a role")
    page.get_by_role("button", name="Go on…").click()
    confirm_password(page, house)
    page.get_by_label("Reason").fill("Done")
    page.get_by_role("button", name="End a role").click()
    expect(page.get_by_text("1 person done")).to_be_visible()
    page.goto(page.get_by_role("link", name="Back to the list").get_attribute("href") or "")
    expect(page.get_by_text("No one matches")).to_be_visible()
    plain.close()
