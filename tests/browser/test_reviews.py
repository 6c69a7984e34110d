"""An access review in a real browser: begun, decided line by line and by the dozen, closed, taken out as a file."""

from __future__ import annotations

import csv
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_users import bring_in, fits

ROLE = "Viewer"


def begin(page: Page, prefix: str, count: int = 4) -> None:
    """Bring in some people who hold the role, and begin a review of it."""
    lines = [f"{prefix}{number}@example.org,{prefix.title()} {number},{ROLE}" for number in range(count)]
    bring_in(page, "email,name,role\n" + "\n".join(lines) + "\n")
    page.goto("/roles/")
    page.get_by_role("link", name="Access reviews").click()
    page.get_by_role("link", name="New review").first.click()
    page.get_by_label("Role", exact=True).select_option(label=ROLE)
    page.get_by_role("button", name="Begin review").click()
    expect(page.get_by_role("heading", name=f"Review of the role {ROLE}")).to_be_visible()


def faults(page: Page) -> list[str]:
    """What axe finds of the rules of WCAG 2.2 AA."""
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{page.url}: {rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"][:3]]


def narrow(page: Page, words: str) -> None:
    page.get_by_label("Search people").fill(words)
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url(re.compile(rf"q={words}"))


@pytest.mark.parametrize(("width", "prefix"), [(1440, "wide"), (390, "small")])
def test_from_the_first_line_to_the_file(
    house: House, page: Page, complaints: list[str], width: int, prefix: str
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    begin(page, prefix)
    assert fits(page)
    review = page.url
    narrow(page, prefix)
    status = page.locator("#progress [role=status]")
    name = prefix.title()

    page.get_by_role("button", name=f"Confirm {name} 0").click()
    expect(status).to_contain_text("1 confirmed")
    row = page.get_by_role("row", name=f"{name} 0")
    expect(row.get_by_text("confirmed", exact=True)).to_be_visible()
    # Where one was, one stays: at what can still be done about this line.
    expect(row.get_by_role("link", name="Take away")).to_be_focused()

    page.get_by_role("link", name=f"Take away {ROLE} from {name} 1").click()
    note = page.locator("tr.detail").get_by_label("Note", exact=True)
    expect(note).to_be_focused()
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("tr.detail")).to_have_count(0)
    page.get_by_role("link", name=f"Take away {ROLE} from {name} 1").click()
    note.fill("Has left")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("1 taken away")
    expect(page.locator("tr.detail")).to_have_count(0)
    expect(page.get_by_role("row", name=f"{name} 1").get_by_text("“Has left”")).to_be_visible()

    for number in (2, 3):
        page.get_by_label(f"Choose {name} {number}").check()
    assert fits(page)
    page.get_by_role("region", name="Chosen lines").get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("2 confirmed", exact=True)).to_be_visible()
    expect(status).to_contain_text("3 confirmed")

    for address in ("/roles/reviews/", "/roles/reviews/new/", f"{review}close/"):
        page.goto(address)
        assert fits(page)
        assert faults(page) == []
    page.get_by_role("button", name="Close review").click()
    expect(page.get_by_text("closed", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
    assert faults(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert download.value.suggested_filename.startswith("access-review-viewer-")
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        rows = {row["person"]: row for row in csv.DictReader(file)}
    assert [rows[f"{name} {number}"]["decision"] for number in range(4)] == [
        "confirmed",
        "taken away",
        "confirmed",
        "confirmed",
    ]
    assert rows[f"{name} 1"]["note"] == "Has left"
    page.goto(f"{review}history/")
    expect(page.get_by_text("review.closed")).to_be_visible()
    assert fits(page)
    assert complaints == []


def test_without_scripts(house: House, page: Page, context: BrowserContext) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    begin(page, "plain", 3)
    review = page.url
    browser = context.browser
    assert browser is not None
    plain = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = plain.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto(f"{review}?q=plain")
    page.get_by_role("button", name="Confirm Plain 0").click()
    expect(page.get_by_text("1 confirmed", exact=True)).to_be_visible()
    assert page.url.endswith("?q=plain")
    page.get_by_role("link", name=f"Take away {ROLE} from Plain 1").click()
    page.get_by_label("Note").fill("Has left")
    page.get_by_role("button", name="Take away").click()
    expect(page.get_by_text("“Has left”")).to_be_visible()
    page.get_by_label("Choose Plain 2").check()
    page.get_by_role("button", name="Take away…", exact=True).click()
    expect(page.get_by_role("heading", name="Take 1 role away?")).to_be_visible()
    page.get_by_role("button", name="Take away").click()
    expect(page.get_by_text("1 taken away", exact=True)).to_be_visible()
    page.goto(f"{review}close/")
    page.get_by_role("button", name="Close review").click()
    expect(page.get_by_text("closed", exact=True)).to_be_visible()
    plain.close()
