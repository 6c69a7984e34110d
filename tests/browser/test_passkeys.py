"""Passkeys in a real browser with an authenticator of its own: set up, alone at the door, second step, fresh proof."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

FIRST, PASSWORD = "nine otters under ice", "seven herons on a wire"


@dataclass(frozen=True)
class Visitor:
    """A page opened by the name of the house, and the authenticator of its browser."""

    page: Page
    devtools: CDPSession
    authenticator: str

    def touches(self, *, at_once: bool) -> None:
        """Whether somebody touches the authenticator as soon as it asks."""
        self._set("setAutomaticPresenceSimulation", enabled=at_once)

    def verifies(self, *, rightly: bool) -> None:
        self._set("setUserVerified", isUserVerified=rightly)

    def forgets_all(self) -> None:
        self._set("clearCredentials")

    def _set(self, what: str, **values: bool) -> None:
        self.devtools.send(f"WebAuthn.{what}", {"authenticatorId": self.authenticator, **values})


# What browsers had before they filled passkeys in and took options as JSON.
OLDER = """
delete PublicKeyCredential.isConditionalMediationAvailable;
delete PublicKeyCredential.parseCreationOptionsFromJSON;
delete PublicKeyCredential.parseRequestOptionsFromJSON;
PublicKeyCredential.prototype.toJSON = () => { throw new TypeError("Illegal invocation"); };
"""


def at_name(house: House) -> str:
    return f"http://localhost:{urlsplit(house.url).port}"


@pytest.fixture
def named_context(browser: Browser, house: House, complaints: list[str]) -> BrowserContext:
    context = browser.new_context(base_url=at_name(house), viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    context.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    return context


@pytest.fixture
def visitor(named_context: BrowserContext) -> Visitor:
    page = named_context.new_page()
    devtools = named_context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        # Else what the browser fills in would sign in before anybody asked.
        "automaticPresenceSimulation": False,
    }
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Visitor(page, devtools, made["authenticatorId"])


def newcomer(house: House, browser: Browser, username: str) -> None:
    """Make somebody, as an admin does."""
    page = browser.new_context(base_url=house.url).new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/users/new/")
    page.get_by_label("Email address", exact=True).fill(f"{username}@example.org")
    page.get_by_label("Username", exact=True).fill(username)
    page.get_by_label("First password", exact=True).fill(FIRST)
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_role("heading", name=username)).to_be_visible()
    page.context.close()


def first_day(page: Page, username: str) -> None:
    """Sign in for the first time and choose a password."""
    sign_in(page, username, FIRST)
    page.get_by_label("Current password", exact=True).fill(FIRST)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url(lambda url: "/password/" not in url)


def make_passkey(visitor: Visitor, name: str) -> None:
    page = visitor.page
    page.goto("/profile/security/")
    page.get_by_role("link", name="Add a passkey").click()
    visitor.touches(at_once=True)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url("**/profile/security/codes/**")
    visitor.touches(at_once=False)


def sign_out(page: Page) -> None:
    page.goto("/profile/sessions/")
    page.get_by_role("button", name="Sign out Chrome").click()
    page.wait_for_url("**/login/")


def test_from_its_making_to_its_end_in_an_older_browser(
    house: House, browser: Browser, visitor: Visitor, complaints: list[str]
) -> None:
    newcomer(house, browser, "orla")
    page = visitor.page
    page.add_init_script(OLDER)
    first_day(page, "orla")
    make_passkey(visitor, "Work laptop")

    sign_out(page)
    page.goto("/login/?next=/profile/security/")
    visitor.touches(at_once=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(f"{at_name(house)}/profile/security/")
    expect(page.get_by_text("Work laptop", exact=True)).to_be_visible()

    visitor.touches(at_once=False)
    sign_out(page)
    sign_in_without_waiting(page)
    expect(page).to_have_url(f"{at_name(house)}/login/factor/")
    visitor.touches(at_once=True)
    page.get_by_label("Remember this device").check()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{at_name(house)}/")
    page.goto("/profile/sessions/")
    expect(page.get_by_text("password and passkey")).to_be_visible()
    page.goto("/profile/security/")
    expect(page.get_by_role("heading", name="Remembered devices 1")).to_be_visible()

    page.goto("/step-up/?next=/profile/history/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{at_name(house)}/profile/history/")
    expect(page.get_by_text("Confirmed with passkey that it is you")).to_be_visible()
    expect(page.get_by_text("Signed in with password and passkey")).to_be_visible()

    page.goto("/profile/security/")
    page.get_by_role("link", name="Remove Work laptop").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    expect(page.get_by_text("Work laptop", exact=True)).to_be_hidden()
    assert complaints == []


def sign_in_without_waiting(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("Email or username", exact=True).fill("orla")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_on_a_phone_it_is_filled_in_and_refusals_are_said(
    house: House, browser: Browser, visitor: Visitor, complaints: list[str]
) -> None:
    newcomer(house, browser, "pia")
    page = visitor.page
    page.set_viewport_size({"width": 390, "height": 844})
    first_day(page, "pia")
    page.goto("/profile/security/passkeys/new/")
    expect(page.get_by_role("button", name="Make the passkey")).to_be_in_viewport()
    make_passkey(visitor, "Phone")

    # The same device again: the browser itself refuses.
    page.goto("/profile/security/passkeys/new/")
    visitor.touches(at_once=True)
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("alert").filter(has_text="holds a passkey of your account already")).to_be_visible()

    page.goto("/profile/security/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sign_out(page)
    # Nobody clicked: the browser offers it for the field of the name.
    expect(page).to_have_url(f"{at_name(house)}/")

    sign_out(page)
    assert complaints == []


def test_a_wrong_finger_proves_nothing(house: House, browser: Browser, visitor: Visitor, complaints: list[str]) -> None:
    newcomer(house, browser, "quinn")
    page = visitor.page
    first_day(page, "quinn")
    make_passkey(visitor, "Laptop")
    sign_out(page)
    visitor.verifies(rightly=False)
    visitor.touches(at_once=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="Nothing was given")).to_be_visible()
    expect(page).to_have_url(f"{at_name(house)}/login/")
    assert complaints == []


def test_by_its_number_the_house_says_where_passkeys_work(page: Page, house: House) -> None:
    page.goto("/login/")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    page.get_by_role("link", name="localhost").click()
    expect(page).to_have_url(f"{at_name(house)}/login/")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()


def test_without_scripts_nothing_dead_is_offered(house: House, browser: Browser) -> None:
    page = browser.new_context(base_url=at_name(house), java_script_enabled=False).new_page()
    page.goto("/login/")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
