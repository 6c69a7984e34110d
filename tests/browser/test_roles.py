"""Roles in a real browser: the matrix found, ticked, counted while one ticks, looked at and saved."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_users import bring_in, fits


def make_role(page: Page, name: str) -> None:
    page.goto("/roles/new/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Read the audit trail").check()
    page.get_by_label("See flags").check()
    page.get_by_role("button", name="Create role").click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def give(page: Page, role: str, *usernames: str) -> None:
    for username in usernames:
        page.goto(f"/users/?q={username}")
        page.locator("tbody th a").first.click()
        page.get_by_role("link", name="Roles", exact=True).last.click()
        page.get_by_role("link", name="Assign a role").click()
        page.get_by_label("Role", exact=True).select_option(role)
        page.get_by_role("button", name="Assign").click()
        expect(page.get_by_text("now holds").first).to_be_visible()


def test_from_the_matrix_to_a_saved_role(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, "email,name,username\nmx1@example.org,Matrix Ana,mx1\nmx2@example.org,Matrix Kofi,mx2\n")
    make_role(page, "Matrix role")
    give(page, "Matrix role", "mx1", "mx2")

    page.goto("/roles/")
    tree = page.get_by_role("complementary", name="Who inherits from whom")
    expect(tree.get_by_role("link", name="Supervisor")).to_be_visible()
    tree.get_by_role("link", name="Matrix role").click()
    page.get_by_role("link", name="Edit", exact=True).click()

    # Found by name, by word and by label, at once; nothing that is ticked gets lost on the way.
    search = page.get_by_label("Find a permission")
    rows = page.locator("tr[data-words]:visible")
    all_rows = rows.count()
    search.fill("settings:rev")
    expect(rows).to_have_count(1)
    search.fill("no such thing")
    expect(rows).to_have_count(0)
    expect(page.get_by_text("No permission matches.")).to_be_visible()
    search.fill("write system prompts")
    expect(rows).to_have_count(1)
    page.get_by_label("Write system prompts and choose the default").check()
    search.press("Enter")
    expect(page).to_have_url(page.url)
    search.fill("")
    expect(rows).to_have_count(all_rows)
    expect(page.get_by_text("This changes what 2 people may do.")).to_be_visible()

    page.get_by_label("See flags").uncheck()
    bar = page.locator("#affected")
    expect(bar.get_by_text("flags:read").first).to_be_visible()
    bar.get_by_text("Who, and what changes for each").click()
    expect(bar.get_by_text("Matrix Ana")).to_be_visible()
    page.get_by_label("Only what this role adds").check()
    expect(rows).to_have_count(3)
    page.get_by_label("Only what this role adds").uncheck()

    # What another parent brings is seen without saving.
    page.get_by_label("Priority", exact=True).fill("45")
    page.get_by_label("Inherits from").select_option("User")
    expect(page.get_by_text("Talk with models: inherited from User")).to_be_attached()
    expect(page.get_by_label("Write system prompts and choose the default")).to_be_checked()

    page.get_by_role("button", name="Review and save").click()
    expect(page.get_by_role("heading", name="This changes what 2 people may do")).to_be_visible()
    expect(page.get_by_text("Matrix Kofi")).to_be_visible()
    page.get_by_role("button", name="Back to the form").click()
    expect(page.get_by_label("Write system prompts and choose the default")).to_be_checked()
    expect(page.get_by_label("See flags")).not_to_be_checked()
    page.get_by_role("button", name="Review and save").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Matrix role saved")).to_be_visible()
    expect(page.get_by_text("Write system prompts and choose the default: granted here")).to_be_attached()
    expect(page.get_by_text("See flags: not granted")).to_be_attached()

    page.get_by_role("link", name="Clone").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Copy of Matrix role")
    expect(page.get_by_label("Read the audit trail")).to_be_checked()
    assert complaints == []


def test_two_at_once_are_told(house: House, context: BrowserContext) -> None:
    mine, theirs = context.new_page(), context.new_page()
    sign_in(mine, ADMIN_EMAIL, house.admin_password)
    make_role(mine, "Contested")
    address = f"{mine.url}edit/"
    mine.goto(address)
    theirs.goto(address)
    theirs.get_by_label("Description").fill("Theirs")
    theirs.get_by_role("button", name="Review and save").click()
    expect(theirs.get_by_text("Contested saved")).to_be_visible()
    mine.get_by_label("Description").fill("Mine")
    mine.get_by_role("button", name="Review and save").click()
    expect(mine.get_by_role("heading", name="Somebody changed this role meanwhile")).to_be_visible()
    expect(mine.get_by_label("Description")).to_have_value("Mine")
    mine.get_by_role("button", name="Save mine over theirs").click()
    expect(mine.get_by_text("Contested saved")).to_be_visible()


def test_on_a_phone(house: House, context: BrowserContext, complaints: list[str]) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, "email,name,username\nmxp@example.org,Matrix Phone,mxp\n")
    make_role(page, "Phone role")
    assert fits(page)
    address = page.url
    give(page, "Phone role", "mxp")
    page.goto("/roles/")
    assert fits(page)
    page.goto(f"{address}edit/")
    assert fits(page)
    page.get_by_label("Find a permission").fill("reveal")
    page.get_by_label("reveal secrets").check()
    expect(page.get_by_text("This changes what 1 person may do.")).to_be_visible()
    page.locator("#affected").get_by_text("Who, and what changes for each").click()
    assert fits(page)
    page.get_by_role("button", name="Review and save").click()
    expect(page.get_by_text("Matrix Phone")).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Phone role saved")).to_be_visible()
    assert complaints == []


def test_without_scripts(house: House, context: BrowserContext) -> None:
    browser = context.browser
    assert browser is not None
    page = context.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, "email,name,username\nmxs@example.org,Matrix Plain,mxs\n")
    make_role(page, "Plain role")
    address = page.url
    give(page, "Plain role", "mxs")
    plain = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = plain.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto(f"{address}edit/")
    expect(page.get_by_label("Find a permission")).to_be_hidden()
    page.get_by_label("Reveal secrets").or_(page.get_by_label("reveal secrets")).check()
    page.get_by_label("Priority", exact=True).fill("45")
    page.get_by_label("Inherits from").select_option("User")
    page.get_by_role("button", name="Show what it inherits").click()
    expect(page.get_by_text("Talk with models: inherited from User")).to_be_attached()
    expect(page.get_by_label("reveal secrets")).to_be_checked()
    page.get_by_role("button", name="Review and save").click()
    expect(page.get_by_role("heading", name="This changes what 1 person may do")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Plain role", exact=True)).to_be_visible()
    expect(page.get_by_text("Reveal secrets: granted here")).to_be_attached()
    plain.close()
