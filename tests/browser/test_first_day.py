"""What somebody does on the first day: sign in, change the password, talk, reload while the answer comes."""

from __future__ import annotations

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import House, sign_in

NEW_PASSWORD = "seven herons on a wire"
QUESTIONS = (
    "Write a long story about a lighthouse keeper and the sea.",
    "Explain at length how bread is made, step by step.",
    "Tell me everything you know about rivers.",
    "Write a long letter to a friend about your garden.",
    "Describe a whole day in a small harbour town, hour by hour.",
)


def test_first_day(house: House, browser: Browser, page: Page, complaints: list[str]) -> None:
    sign_in(page, "user", house.first_password("user"))
    expect(page).to_have_url(f"{house.url}/password/?next=%2F")
    page.goto("/chat/")
    expect(page).to_have_url(f"{house.url}/password/?next=%2Fchat%2F")
    _change_password(page, house.first_password("user"))

    page.goto("/chat/")
    expect(page.get_by_text("demo model").first).to_be_visible()
    answer = _answer_reloaded_in_the_middle(page)
    expect(answer).to_have_attribute("data-status", "complete", timeout=120_000)
    whole = _prose(answer)
    assert len(whole) > 40
    conversation = page.url

    # What the database keeps is what somebody sees who was not there while it came.
    later = browser.new_context(base_url=house.url).new_page()
    sign_in(later, "user", NEW_PASSWORD)
    later.goto(conversation)
    stored = later.locator("article[data-role=assistant]").last
    expect(stored).to_have_attribute("data-status", "complete")
    assert _prose(stored) == whole
    assert complaints == []


def _change_password(page: Page, old: str) -> None:
    fields = page.locator("main input[type=password], form input[type=password]")
    assert fields.count() == 3
    for field, value in zip(fields.all(), (old, NEW_PASSWORD, NEW_PASSWORD), strict=True):
        field.fill(value)
    page.locator("form:has(input[type=password]) button").last.click()
    page.wait_for_url(lambda url: "/password/" not in url)


def _answer_reloaded_in_the_middle(page: Page) -> Locator:
    """The answer that was still being written when the page was loaded anew; a small model may be done too soon."""
    for question in QUESTIONS:
        page.get_by_label("Message", exact=True).fill(question)
        page.get_by_role("button", name="Send", exact=True).click()
        answer = page.locator("article[data-role=assistant]").last
        expect(answer).to_have_attribute("data-status", "streaming")
        page.reload()
        answer = page.locator("article[data-role=assistant]").last
        if answer.get_attribute("data-status") == "streaming":
            return answer
        expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=120_000)
    raise AssertionError("No answer was long enough to be reloaded in its middle.")


def _prose(answer: Locator) -> str:
    return " ".join(answer.locator(".prose").first.inner_text().split())
