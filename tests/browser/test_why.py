"""Why somebody may or may not, in a real browser: asked, read on a phone, reached from a refusal, turned round."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_users import fits

PASSWORD = "plain walking shoes 7"


def make_person(page: Page, username: str, *, supervisor: str = "", password: str = "") -> str:
    """Somebody with the role every newcomer gets; the address of their page."""
    page.goto("/users/new/")
    page.get_by_label("Username", exact=True).fill(username)
    page.get_by_label("Email address", exact=True).fill(f"{username}@example.org")
    if supervisor:
        page.get_by_label("Supervisor").fill(supervisor)
    if password:
        page.get_by_label("First password", exact=True).fill(password)
    page.get_by_role("button", name="Create user").click()
    page.wait_for_url(re.compile(r"/users/[0-9a-f-]{36}/"))
    return "/".join(page.url.split("/")[3:5])


def ask(page: Page, person: str, permission: str = "", on: str = "") -> None:
    page.get_by_label("Person", exact=True).fill(person)
    page.get_by_label("Permission", exact=True).fill(permission)
    page.get_by_label("On", exact=True).fill(on)
    page.get_by_role("button", name="Ask", exact=True).click()


def test_from_a_question_to_a_list_as_a_file(house: House, page: Page, complaints: list[str], tmp_path: Path) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    below = make_person(page, "why.below")
    make_person(page, "why.other")

    page.goto("/roles/")
    page.get_by_role("link", name="Why?", exact=True).click()
    expect(page.get_by_role("heading", name="Ask why")).to_be_visible()
    page.get_by_label("Person", exact=True).fill("")
    page.get_by_label("Person", exact=True).press_sequentially("why.", delay=20)
    expect(page.locator("#why-people option")).to_have_count(2)

    # By a role: it gives the permission itself. By its parent: the way is drawn.
    ask(page, "why.other", "chat:use")
    expect(page.get_by_role("heading", name="Yes. User gives it.")).to_be_visible()
    ask(page, "why.other", "Read the conversations of the own team")
    expect(page.get_by_role("heading", name="No. The permission is missing.")).to_be_visible()
    page.get_by_role("link", name="Assign Supervisor to why.other").click()
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.get_by_text("why.other now holds Supervisor")).to_be_visible()
    page.goto("/roles/why/")
    ask(page, "why.other", "prompts:read")
    path = page.get_by_role("listitem").filter(has_text="prompts:read").first
    expect(path).to_be_visible()
    expect(page.get_by_text("inherited", exact=True)).to_be_visible()

    # By scope: not yet, for nobody stands below; then a step away.
    ask(page, "why.other", "users:read", f"/{below}/")
    expect(page.get_by_role("heading", name="No. Scope decides it.")).to_be_visible()
    expect(page.get_by_text("why.below is not among the people below why.other.").first).to_be_visible()
    expect(page.get_by_role("link", name="Make why.below answer to why.other")).to_be_visible()

    page.get_by_role("link", name="All of them").click()
    expect(page.get_by_role("heading", name="Who may use users:read?")).to_be_visible()
    page.get_by_label("On", exact=True).fill("")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="why.other")).to_contain_text("Supervisor")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Export CSV").click()
    target = tmp_path / "who.csv"
    downloading.value.save_as(target)
    lines = list(csv.DictReader(target.read_text("utf-8-sig").splitlines()))
    assert [line["by role"] for line in lines if line["username"] == "why.other"] == ["Supervisor"]
    page.get_by_role("row").filter(has_text="why.other").get_by_role("link", name="Why?").click()
    expect(page.get_by_role("heading", name="Yes. Supervisor gives it.")).to_be_visible()
    assert complaints == []


def test_from_a_refusal_on_a_phone(house: House, page: Page, browser: Browser) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    make_person(page, "why.phone", password=PASSWORD)
    phone = browser.new_context(base_url=house.url, viewport={"width": 390, "height": 844})
    page = phone.new_page()
    sign_in(page, "why.phone", PASSWORD)
    page.get_by_label("Current password", exact=True).fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(f"{PASSWORD} and more")
    page.get_by_label("New password again", exact=True).fill(f"{PASSWORD} and more")
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url(lambda url: "/password/" not in url)
    answer = page.goto("/settings/")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_text("settings:read")).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="Why?", exact=True).click()
    expect(page.get_by_role("heading", name="No. The permission is missing.")).to_be_visible()
    expect(page.get_by_text("Roles that give it:")).to_be_visible()
    # About oneself alone, and of others not even that they are there.
    expect(page.get_by_label("Person", exact=True)).to_have_count(0)
    assert fits(page)
    phone.close()


def test_without_scripts(house: House, context: BrowserContext, browser: Browser) -> None:
    plain = browser.new_context(base_url=house.url, java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = plain.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/roles/why/")
    ask(page, "", "", "/settings/")
    expect(page.get_by_role("heading", name="Yes. Admin gives it.")).to_be_visible()
    ask(page, "", "settings:fly")
    expect(page.get_by_text("There is no permission “settings:fly”.")).to_be_visible()
    page.goto("/roles/why/who/?permission=settings:read")
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    assert fits(page)
    plain.close()
