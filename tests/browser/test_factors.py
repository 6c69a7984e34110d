"""A second factor from setting it up to losing it: by the secret in letters, as somebody without a camera does."""

from __future__ import annotations

import re
import time

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in


@pytest.fixture
def member(house: House, browser: Browser) -> tuple[str, str]:
    """Name and password of somebody made for this test, so that no other meets a second step."""
    context = browser.new_context(base_url=house.url)
    page = context.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    name, password = f"factor{pyotp.random_base32()[:8].lower()}", "nine quiet rivers bend"
    page.goto("/users/new/")
    page.get_by_label("Username", exact=True).fill(name)
    page.get_by_label("Email address", exact=True).fill(f"{name}@example.org")
    page.get_by_label("First password", exact=True).fill("first of two passwords here")
    page.locator("main form button.primary").click()
    page.wait_for_url(re.compile(r"/users/[0-9a-f-]{36}/"))
    context.close()
    own = browser.new_context(base_url=house.url)
    page = own.new_page()
    sign_in(page, name, "first of two passwords here")
    fields = page.locator("form input[type=password]")
    for field, value in zip(fields.all(), ("first of two passwords here", password, password), strict=True):
        field.fill(value)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url(lambda url: "/password/" not in url)
    own.close()
    return name, password


def code_after(app: pyotp.TOTP, used: str) -> str:
    """The first code that is not the one used before; the server takes that of the next step already."""
    now = app.now()
    return now if now != used else app.at(int(time.time()), counter_offset=1)


def first_step(page: Page, name: str, password: str) -> None:
    page.goto("/login/")
    page.get_by_label("Email or username", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/login/factor/")


def set_up(page: Page) -> tuple[pyotp.TOTP, list[str], str]:
    page.goto("/profile/security/")
    page.get_by_role("link", name="Set up", exact=True).first.click()
    app = pyotp.TOTP(page.locator("[data-secret]").inner_text().replace(" ", ""))
    code = app.now()
    page.get_by_label("Six-digit code").fill(code)
    page.get_by_role("button", name="Confirm", exact=True).click()
    codes = page.locator(".codes li").all_inner_texts()
    assert len(codes) == 10
    return app, codes, code


def no_wider_than_the_window(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def give(page: Page, label: str, code: str) -> None:
    page.get_by_label(label).fill(code)
    page.get_by_role("button", name="Continue", exact=True).click()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_factor_from_first_to_last(
    context: BrowserContext, page: Page, member: tuple[str, str], complaints: list[str], width: int
) -> None:
    name, password = member
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, name, password)
    app, codes, used = set_up(page)
    no_wider_than_the_window(page)
    with page.expect_download() as loading:
        page.get_by_role("link", name="Download").click()
    kept = loading.value.path().read_text()
    assert all(code in kept for code in codes)
    page.get_by_role("button", name="I have saved these codes").click()
    expect(page.get_by_text("10 left")).to_be_visible()
    no_wider_than_the_window(page)

    # The code, and the device remembered.
    context.clear_cookies()
    first_step(page, name, password)
    no_wider_than_the_window(page)
    page.get_by_label(re.compile("Remember this device")).check()
    give(page, "Six-digit code", code_after(app, used))
    page.wait_for_url(lambda url: "/login/" not in url)
    page.goto("/profile/security/")
    expect(page.get_by_text("this one")).to_be_visible()
    no_wider_than_the_window(page)
    sign_out(page)
    sign_in(page, name, password)
    expect(page).not_to_have_url(re.compile("/login/factor/"))

    # A recovery code, where the browser is not known.
    context.clear_cookies()
    first_step(page, name, password)
    page.get_by_role("link", name="Use a recovery code").click()
    give(page, "Recovery code", codes[0])
    page.wait_for_url(lambda url: "/login/" not in url)
    page.goto("/profile/security/")
    expect(page.get_by_text("9 left")).to_be_visible()

    page.get_by_role("link", name="Remove…").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("link", name="Set up", exact=True).first).to_be_visible()
    assert complaints == []


def test_without_scripts(house: House, browser: Browser, member: tuple[str, str]) -> None:
    name, password = member
    context = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, name, password)
    app, codes, used = set_up(page)
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    page.get_by_role("button", name="I have saved these codes").click()
    context.clear_cookies()
    first_step(page, name, password)
    give(page, "Six-digit code", code_after(app, used))
    page.goto("/profile/security/")
    expect(page.get_by_text("10 left")).to_be_visible()
    assert codes


def sign_out(page: Page) -> None:
    page.context.clear_cookies(name="gatehouse-session")
