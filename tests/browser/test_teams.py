"""Teams in a real browser: opened line by line, searched, moved; with scripts and without, wide and narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_users import bring_in, fits

# Each below the one before; and a second team.
LINES = """email,name,username,supervisor
{0}top@example.org,Top {0},{0}.top,
{0}mid@example.org,Mid {0},{0}.mid,{0}.top
{0}low@example.org,Low {0},{0}.low,{0}.mid
{0}end@example.org,End {0},{0}.end,{0}.low
{0}other@example.org,Other {0},{0}.other,
{0}under@example.org,Under {0},{0}.under,{0}.other
"""


@pytest.mark.parametrize(("name", "width"), [("wide", 1440), ("slim", 390)])
def test_the_tree_is_opened_searched_and_changed(
    house: House, context: BrowserContext, complaints: list[str], name: str, width: int
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, LINES.format(name))

    page.goto("/users/teams/")
    page.get_by_role("link", name=f"Who answers to Top {name}").click()
    middle = page.get_by_role("link", name=f"Who answers to Mid {name}")
    middle.click()
    expect(middle).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("link", name=f"Low {name}", exact=True)).to_be_visible()
    assert fits(page)
    # Closed and opened again, each stands there once.
    page.get_by_role("link", name=f"Who answers to Top {name}").click()
    expect(middle).to_have_count(0)
    page.get_by_role("link", name=f"Who answers to Top {name}").click()
    expect(middle).to_have_count(1)
    expect(page.get_by_role("link", name=f"Low {name}", exact=True)).to_have_count(0)

    page.get_by_label("Find somebody in the tree").press_sequentially(f"end {name}", delay=10)
    found = page.locator("tr.on", has_text=f"End {name}")
    expect(found).to_have_attribute("data-level", "4")
    assert fits(page)

    # A circle is refused where it is typed, and where it is sent all the same.
    page.get_by_role("link", name=f"Move Mid {name}…").click()
    page.get_by_label("New supervisor").fill(f"{name}.end")
    expect(page.get_by_role("alert").filter(has_text="cannot answer to them")).to_be_visible()
    assert complaints == []
    page.get_by_role("button", name="See what follows").click()
    expect(page.get_by_role("link", name="New supervisor")).to_be_visible()
    assert fits(page)
    # The browser itself notes an answer of 422.
    complaints.clear()

    page.get_by_label("New supervisor").fill(f"{name}.other")
    expect(page.get_by_text(f"Mid {name} and 2 people below")).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text(f"Mid {name} now answers to Other {name}.")).to_be_visible()
    expect(page.get_by_role("link", name=f"Other {name}", exact=True)).to_be_visible()
    page.get_by_role("link", name="2 people", exact=True).click()
    expect(page.locator("tr.on", has_text=f"Mid {name}")).to_have_attribute("data-level", "2")
    assert fits(page)
    assert complaints == []


def test_without_scripts(house: House, page: Page, context: BrowserContext) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, LINES.format("plain"))
    browser = context.browser
    assert browser is not None
    plain = browser.new_context(base_url=house.url, java_script_enabled=False, storage_state=context.storage_state())
    page = plain.new_page()
    page.goto("/users/teams/?q=plain")
    page.get_by_role("link", name="Top plain", exact=True).click()
    page.get_by_role("link", name="Who answers to Mid plain").click()
    page.get_by_role("link", name="Who answers to Low plain").click()
    expect(page.locator("tr[data-level]")).to_have_count(4)
    # What is open closes by the way up.
    page.get_by_role("link", name="Who answers to Low plain").click()
    expect(page.locator("tr.on", has_text="Mid plain")).to_be_visible()
    page.get_by_role("link", name="Move Mid plain…").click()
    page.get_by_label("New supervisor").fill("plain.other")
    page.get_by_role("button", name="See what follows").click()
    expect(page.get_by_role("heading", name="Under Other plain")).to_be_visible()
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_role("link", name="Other plain", exact=True)).to_be_visible()
    page.goto("/users/teams/?q=other plain")
    expect(page.locator("tr[data-level]")).to_have_count(3)
    plain.close()
