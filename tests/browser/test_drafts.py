"""What somebody has written but not sent is not lost: on a detour, or when the session ends meanwhile."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

TEXT = "A long thought,\nnot sent yet"


def test_a_draft_outlives_a_detour(house: House, page: Page) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/chat/")
    page.get_by_label("Message", exact=True).fill(TEXT)
    page.goto("/prompts/")
    page.goto("/chat/")
    expect(page.get_by_label("Message", exact=True)).to_have_value(TEXT)


def test_a_sent_message_is_no_draft_any_more(house: House, page: Page) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/chat/")
    page.get_by_label("Message", exact=True).fill("Say yes.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article[data-role=user]")).to_have_count(1)
    conversation = page.url
    page.goto("/chat/")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    page.goto(conversation)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=60_000)
    page.get_by_label("Message", exact=True).fill("And now no.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article[data-role=user]")).to_have_count(2)
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")


def test_a_session_that_ended_costs_no_message(house: House, browser: Browser, page: Page) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/chat/")
    page.get_by_label("Message", exact=True).fill(TEXT)
    elsewhere = browser.new_context(base_url=house.url).new_page()
    sign_in(elsewhere, ADMIN_EMAIL, house.admin_password)
    elsewhere.goto("/profile/sessions/")
    elsewhere.get_by_role("button", name="Sign out all others").click()
    elsewhere.wait_for_load_state()
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url(lambda url: "/login/" in url)
    page.get_by_label("Email or username", exact=True).fill(ADMIN_EMAIL)
    page.get_by_label("Password", exact=True).fill(house.admin_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Message", exact=True)).to_have_value(TEXT)


def test_signing_out_leaves_no_draft_to_the_next_person(house: House, page: Page) -> None:
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/chat/")
    page.get_by_label("Message", exact=True).fill(TEXT)
    page.locator(".rail-user summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(lambda url: "/login/" in url)
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/chat/")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
