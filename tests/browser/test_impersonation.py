"""An admin acts as somebody else in a browser: the question, the banner on every page and width, and the way out."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in


def test_acting_as_somebody(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/users/")
    page.locator("main table").get_by_role("link", name="user", exact=False).first.click()
    page.get_by_role("link", name="Act as…").click()
    if "/step-up/" in page.url:
        page.get_by_label("Password", exact=True).fill(house.admin_password)
        page.locator("main form button").first.click()
    expect(page.get_by_role("heading", name="Act as user")).to_be_visible()
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_label("Reason", exact=True)).to_be_focused()
    page.get_by_label("Reason", exact=True).fill("Ticket 4711: the list stays empty")
    page.get_by_role("button", name="Begin").click()

    banner = page.get_by_role("region", name="Acting as somebody else")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for path in ("/", "/chat/", "/profile/", "/nothing-here/"):
            page.goto(path)
            expect(banner).to_be_visible()
            expect(banner).to_contain_text("You act as user until")
            page.mouse.wheel(0, 2000)
            stop = banner.get_by_role("button", name="Stop acting")
            expect(stop).to_be_in_viewport(ratio=1)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, path)
    # The place to write stays on the screen below the banner.
    page.goto("/chat/")
    expect(page.locator(".composer")).to_be_in_viewport(ratio=1)

    page.goto("/password/")
    expect(page.get_by_role("heading", name="Only user can do this")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Stop acting").click()
    expect(page.get_by_text("You are yourself again.")).to_be_visible()
    expect(banner).to_have_count(0)
    # Two pages answer by 404 and 403, as they should, and browsers note it.
    assert [said for said in complaints if "404" not in said and "403" not in said] == []
