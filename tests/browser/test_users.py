"""People in a real browser: found as one types, acted upon by the dozen, brought in from a file."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

LONG = "Wilhelmina " * 13


def bring_in(page: Page, data: str) -> None:
    page.goto("/users/import/")
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": data.encode()}
    )
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("cannot sign in until").check()
    page.get_by_role("button", name="Look at all lines").click()
    expect(page.get_by_role("heading", name="Checked:")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Bring in").click()
    expect(page.get_by_role("heading", name="Brought in")).to_be_visible(timeout=60_000)


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_from_a_file_to_an_act_upon_many(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    lines = [f"walk{number:03}@example.org,Walker {number:03}" for number in range(120)]
    page.goto("/users/import/")
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": ("email,name\nwrong\n" + "\n".join(lines)).encode()}
    )
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("cannot sign in until").check()
    page.get_by_role("button", name="Look at all lines").click()
    expect(page.get_by_text("One line is wrong.")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("row", name="2 email")).to_be_visible()
    page.get_by_role("button", name="Bring in 120, leave out 1").click()
    expect(page.get_by_text("120 people were made")).to_be_visible(timeout=60_000)

    page.goto("/users/")
    page.get_by_label("Search users").press_sequentially("walk1", delay=20)
    expect(page).to_have_url(f"{house.url}/users/?q=walk1")
    expect(page.locator("[name=id]")).to_have_count(20)
    page.get_by_label("Search users").fill("walk")
    expect(page.locator("[name=id]")).to_have_count(50)
    page.get_by_label("Choose all on this page").check()
    expect(page.locator("[data-picked]")).to_have_text("50")
    page.get_by_label("All 120 that match").check()
    page.get_by_label("What to do").select_option("Deactivate")
    page.get_by_role("button", name="Deactivate…").click()
    expect(page.get_by_role("heading", name="Deactivate", exact=True)).to_be_visible()
    expect(page.get_by_text("120 people", exact=True)).to_be_visible()
    page.get_by_label("Reason").fill("the walk is over")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("120 people done")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(f"{house.url}/users/?q=walk")
    expect(page.locator(".badge", has_text="deactivated").first).to_be_visible()
    page.go_back()
    assert complaints == []


def test_on_a_phone_and_with_names_as_long_as_pictures(house: House, context: BrowserContext) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    bring_in(page, f"email,name,username\n{'phone' * 12}@example.org,{LONG.strip()},{'phone' * 29}\n")
    assert fits(page)
    page.goto("/users/?q=phonephone")
    assert fits(page)
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Status").select_option("active")
    expect(page.get_by_role("link", name="Status: active")).to_be_visible()
    page.locator("[name=id]").check()
    expect(page.get_by_role("button", name="Go on…")).to_be_visible()
    assert fits(page)
    page.get_by_label("What to do").select_option("Sign out everywhere")
    page.get_by_role("button", name="Sign out everywhere…").click()
    expect(page.get_by_role("heading", name="Sign out everywhere", exact=True)).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("1 person done")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/users/?q=phonephone")
    assert fits(page)


def test_without_scripts(house: House, context: BrowserContext) -> None:
    browser = context.browser
    assert browser is not None
    plain = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = plain.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/users/import/")
    page.get_by_label("CSV file").set_input_files(
        {"name": "p.csv", "mimeType": "text/csv", "buffer": b"email\nunscripted@example.org\n"}
    )
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("cannot sign in until").check()
    page.get_by_role("button", name="Look at all lines").click()
    for wanted in ("All lines are right", "1 person was made"):
        for _ in range(100):
            if page.get_by_text(wanted).count():
                break
            page.wait_for_timeout(200)
            page.reload()
        if wanted.startswith("All"):
            page.get_by_role("button", name="Bring in 1 person").click()
    page.goto("/users/")
    page.get_by_label("Search users").fill("unscripted")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.locator("[name=id]").check()
    page.get_by_label("What to do").select_option("Deactivate")
    page.get_by_role("button", name="Go on…").click()
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("1 person done")).to_be_visible()
    plain.close()
