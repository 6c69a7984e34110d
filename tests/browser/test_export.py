"""Files that settings and the trail leave in: the page they come from stays as it was."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in


def test_one_file_after_the_other(house: House, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/settings/export/")
    button = page.get_by_role("button", name="Download without secrets")
    for _time in range(2):
        with page.expect_download() as waiting:
            button.click()
        assert waiting.value.suggested_filename.startswith("settings-")
        expect(button).not_to_have_attribute("aria-busy", "true")
    page.goto("/audit/")
    for _time in range(2):
        page.locator("summary", has_text="Export").click()
        with page.expect_download() as waiting:
            page.get_by_role("link", name="What is filtered, as CSV").click()
        assert waiting.value.suggested_filename.endswith(".csv")
        page.keyboard.press("Escape")
    assert complaints == []
