"""Signing in with an identity provider of another make, in a browser: set up by an admin, first and second time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts.oidc import running_mock_provider
from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

CLAIMS = {
    "sub": "kim",
    "email": "kim@example.org",
    "email_verified": True,
    "name": "Kim Lee",
    "groups": ["operators"],
}


@pytest.fixture
def issuer() -> Iterator[str]:
    with running_mock_provider("--user-claims", json.dumps(CLAIMS)) as issuer:
        yield issuer


def test_single_sign_on(house: House, browser: Browser, page: Page, issuer: str) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/identity-providers/")
    page.get_by_role("link", name="Add a provider").first.click()
    page.get_by_label("Name", exact=True).fill("Lindblad")
    page.get_by_label("Short name").fill("lindblad")
    page.get_by_label("Issuer", exact=True).fill(issuer)
    page.get_by_label("Client id").fill("gatehouse")
    page.get_by_label("May be on this machine").check()
    page.get_by_label("A first sign-in makes an account for").select_option("everybody")
    page.get_by_label("Claim with roles").fill("groups")
    page.get_by_role("button", name="Check the issuer").click()
    expect(page.get_by_text("It answers, and signs with 1 key.")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"{house.url}/login/with/lindblad/back/")).to_be_visible()
    page.get_by_role("link", name="Roles by claims").click()
    page.get_by_role("link", name="Map a value").click()
    page.get_by_label("Value of the claim").fill("operators")
    page.get_by_label("Role", exact=True).select_option(label="Operator")
    page.get_by_role("button", name="Map it").click()
    expect(page.get_by_role("cell", name="Operator", exact=True)).to_be_visible()

    phone = browser.new_context(base_url=house.url, viewport={"width": 390, "height": 844})
    # The provider's page asks for its own style from afar, which is none of the house's.
    phone.route("https://**", lambda route: route.abort())
    first = phone.new_page()
    first.goto("/login/?next=/profile/")
    first.get_by_role("link", name="Sign in with Lindblad").click()
    first.get_by_role("button", name="Authorize as kim").click()
    expect(first).to_have_url(f"{house.url}/profile/")
    expect(first.get_by_label("Full name")).to_have_value("Kim Lee")
    first.goto("/settings/")
    expect(first.get_by_role("heading", level=1)).to_have_text("Settings")
    first.goto("/profile/security/")
    expect(first.get_by_text("kim@example.org")).to_be_visible()
    assert first.evaluate("document.documentElement.scrollWidth <= innerWidth")

    again = browser.new_context(base_url=house.url)
    again.route("https://**", lambda route: route.abort())
    second = again.new_page()
    second.goto("/login/")
    second.get_by_role("link", name="Sign in with Lindblad").click()
    second.get_by_role("button", name="Deny access").click()
    expect(second.get_by_role("alert")).to_contain_text("You did not sign in at the provider")
    second.get_by_role("link", name="Sign in with Lindblad").click()
    second.get_by_role("button", name="Authorize as kim").click()
    expect(second).to_have_url(f"{house.url}/")
    page.goto("/users/?q=kim@example.org")
    expect(page.get_by_role("link", name="Kim Lee")).to_have_count(1)
    # Left as it was found: the house is shared.
    page.goto("/identity-providers/lindblad/")
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("disabled")).to_be_visible()
