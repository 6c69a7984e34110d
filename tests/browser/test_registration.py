"""Coming in by letters: registration, an invitation, a forgotten password; on a phone and without scripts too."""

from __future__ import annotations

import re
import secrets
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

PASSWORD = "kelp wombat lantern 7"


def letters_to(house: House, address: str) -> list[str]:
    """The texts of the letters to this address, the newest last."""
    found = []
    for file in sorted((house.data / "mail").glob("*.log"), key=lambda file: file.stat().st_mtime):
        found += [text for text in _texts(file) if f"To: {address}" in text]
    return found


def _texts(file: Path) -> list[str]:
    texts = []
    for part in file.read_bytes().split(b"-" * 79):
        letter = message_from_bytes(part.strip(), policy=policy.default)
        body = letter.get_body(("plain",))
        if body is not None:
            texts.append(f"To: {letter['To']}\n{body.get_content()}")
    return texts


def link_to(house: House, page: Page, address: str, *, after: int = 0) -> str:
    """The link of the newest letter, once the worker has written it."""
    for _ in range(120):
        if len(texts := letters_to(house, address)) > after:
            found = re.search(r"https?://[^/\s]+(/\S*token=\S+)", texts[-1])
            assert found, texts[-1]
            return found[1]
        page.wait_for_timeout(250)
    raise AssertionError(f"no letter to {address}")


def open_registration(page: Page) -> None:
    page.goto("/settings/accounts.registration.policy/")
    page.locator("select[name=value]").select_option("open")
    page.get_by_role("button", name="Save").first.click()
    page.wait_for_load_state()


def choose_password(page: Page, label: str, password: str = PASSWORD) -> None:
    page.get_by_label(label, exact=True).fill(password)
    page.get_by_label(f"{label} again", exact=True).fill(password)


@pytest.mark.parametrize(("width", "scripts"), [(1440, True), (390, True), (390, False)])
def test_somebody_registers_and_forgets_the_password(
    house: House, browser: Browser, page: Page, width: int, scripts: bool, complaints: list[str]
) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    open_registration(page)
    name = f"yuki{secrets.token_hex(4)}"
    email = f"{name}@example.org"
    stranger = browser.new_context(
        base_url=house.url, viewport={"width": width, "height": 844}, java_script_enabled=scripts
    ).new_page()
    stranger.goto("/login/")
    stranger.get_by_role("link", name="Make an account").click()
    stranger.get_by_label("Email address").fill(email)
    stranger.get_by_role("button", name="Write the link").click()
    expect(stranger.get_by_role("heading", name="A letter was written")).to_be_visible()

    stranger.goto(link_to(house, page, email))
    assert "token" not in stranger.url
    expect(stranger.get_by_label("Username")).to_have_value(name)
    if scripts:
        stranger.get_by_label("Password", exact=True).press_sequentially("abcabcabcabc")
        expect(stranger.locator("#strength")).to_contain_text("weak")
    assert stranger.evaluate("document.documentElement.scrollWidth <= innerWidth")
    choose_password(stranger, "Password")
    stranger.get_by_role("button", name="Make the account").click()
    stranger.wait_for_url("**/login/")
    sign_in(stranger, name, PASSWORD)
    stranger.context.clear_cookies()

    stranger.goto("/login/")
    stranger.get_by_role("link", name="Forgot your password?").click()
    stranger.get_by_label("Email or username").fill(name)
    stranger.get_by_role("button", name="Write the link").click()
    expect(stranger.get_by_role("heading", name="A letter was written")).to_be_visible()
    stranger.goto(link_to(house, page, email, after=1))
    assert stranger.evaluate("document.documentElement.scrollWidth <= innerWidth")
    choose_password(stranger, "New password", f"{PASSWORD} and more")
    stranger.get_by_role("button", name="Change password").click()
    stranger.wait_for_url("**/login/")
    sign_in(stranger, email, f"{PASSWORD} and more")
    assert complaints == []


def test_somebody_is_invited(house: House, browser: Browser, page: Page, complaints: list[str]) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    name = f"ines{secrets.token_hex(4)}"
    page.goto("/users/")
    page.get_by_role("link", name="Invite").click()
    page.get_by_label("Email addresses").fill(f"{name}@example.org")
    page.get_by_label("Role", exact=True).select_option(label="Viewer")
    page.get_by_role("button", name="Invite", exact=True).click()
    # This house sends no mail, so the link is there to hand over.
    link = page.locator("code").inner_text()
    assert link_to(house, page, f"{name}@example.org")

    guest = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    guest.goto(house.url + "/invitation/" + link.partition("/invitation/")[2])
    expect(guest.get_by_role("heading", name="You are invited")).to_be_visible()
    guest.get_by_label("Full name").fill("Ines Prado")
    choose_password(guest, "Password")
    guest.get_by_role("button", name="Accept the invitation").click()
    guest.wait_for_url("**/login/")
    guest.goto(house.url + "/invitation/" + link.partition("/invitation/")[2])
    expect(guest.get_by_role("heading", name="This invitation does not work")).to_be_visible()
    assert complaints == []
