"""What a person does in a conversation, at a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

ANSWER_SECONDS = 60_000


@pytest.fixture(params=[(1440, 900), (390, 844)], ids=["desk", "phone"])
def chat(request: pytest.FixtureRequest, house: House, context: BrowserContext, page: Page) -> Iterator[Page]:
    """A new conversation; what was drafted before is gone with its browser."""
    width, height = request.param
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.set_viewport_size({"width": width, "height": height})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/chat/")
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def write(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)


def send(page: Page, text: str) -> None:
    write(page, text)
    page.locator("#composer").get_by_role("button", name="Send", exact=True).click()


def answered(page: Page, number: int = 1) -> None:
    """Wait until so many answers stand there, all of them finished."""
    ended = page.locator("article[data-role=assistant]:not([aria-busy])")
    expect(ended).to_have_count(number, timeout=ANSWER_SECONDS)
    expect(page.locator("[data-stop]")).to_have_count(0, timeout=ANSWER_SECONDS)


def begun(page: Page, text: str = "Say yes.", tokens: int = 16) -> None:
    """A conversation with one short answer."""
    page.get_by_text("Choose model, prompt and parameters").locator("xpath=ancestor::summary").click()
    page.get_by_label("Longest answer").fill(str(tokens))
    send(page, text)
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))


def test_files_are_chosen_taken_off_refused_and_read(chat: Page) -> None:
    write(chat, "What is in these?")
    files: list[FilePayload] = [
        {"name": name, "mimeType": "text/plain", "buffer": content}
        for name, content in (("notes.txt", b"Blue is a colour."), ("list.csv", b"a,b"), ("photo.txt", b"\x89PNG\0"))
    ]
    chat.locator("#m-attached").set_input_files(files)
    chat.get_by_role("button", name="Take off: list.csv").click()
    chat.keyboard.press("Control+End")
    chat.locator("#composer").get_by_role("button", name="Send", exact=True).click()
    expect(chat.get_by_role("alert")).to_contain_text("“photo.txt” is not text")
    expect(chat.get_by_label("Message", exact=True)).to_have_value("What is in these?")
    chat.get_by_role("button", name="Take off: photo.txt").click()
    chat.locator("#composer").get_by_role("button", name="Send", exact=True).click()
    chat.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    expect(chat.get_by_role("list", name="Files").get_by_role("link")).to_have_count(1)
    answered(chat)
    chat.get_by_role("link", name=re.compile("notes.txt")).click()
    expect(chat.get_by_text("Blue is a colour.")).to_be_visible()


def test_what_is_written_while_it_answers_is_sent_next(chat: Page) -> None:
    begun(chat, "Tell a long story.", 200)
    expect(chat.locator("[data-stop]")).to_be_visible()
    write(chat, "And another thing")
    chat.get_by_role("button", name="Send next").click()
    expect(chat.locator("#held")).to_contain_text("And another thing")
    chat.get_by_role("button", name="Take back").click()
    expect(chat.get_by_label("Message", exact=True)).to_have_value("And another thing")
    chat.get_by_role("button", name="Send next").click()
    write(chat, "Not sent yet")
    chat.get_by_role("button", name="Stop").click()
    expect(chat.locator("article[data-role=user]")).to_have_count(2, timeout=ANSWER_SECONDS)
    expect(chat.locator("article[data-role=user]").last).to_contain_text("And another thing")
    expect(chat.locator("#held")).to_be_hidden()
    expect(chat.get_by_label("Message", exact=True)).to_have_value("Not sent yet")
    chat.locator("[data-stop]").click()
    answered(chat, 2)


def test_two_conversations_answer_at_once(chat: Page, context: BrowserContext) -> None:
    other = context.new_page()
    other.goto("/chat/")
    begun(chat, "Count from 1 to 1000, every number on a line of its own.", 4000)
    expect(chat.locator("[data-stop]")).to_be_visible()
    begun(other, "Say yes.", 16)
    answered(other)
    # Stopped from another tab than the one it was begun in, where it has not come to its end by itself.
    other.goto(chat.url)
    with suppress(PlaywrightTimeout):
        other.locator("[data-stop]").click(timeout=3_000)
    answered(chat)
    again = chat.get_by_role("button", name="Continue")
    if again.is_visible():
        again.click()
        with suppress(PlaywrightTimeout):
            chat.locator("[data-stop]").click(timeout=3_000)
        answered(chat)


def test_a_message_is_edited_and_its_branches_walked(chat: Page) -> None:
    begun(chat)
    answered(chat)
    chat.get_by_role("link", name="Edit into a new branch").click()
    place = chat.locator("article .field textarea").first
    expect(place).to_be_focused()
    place.fill("   ")
    chat.get_by_role("button", name="Send as a new branch").click()
    expect(chat.get_by_text("Write a message first.")).to_be_visible()
    chat.get_by_role("link", name="Cancel").click()
    expect(place).to_have_count(0)
    chat.get_by_role("link", name="Edit into a new branch").click()
    place.fill("Say no.")
    chat.get_by_role("button", name="Send as a new branch").click()
    expect(chat.get_by_text("2/2")).to_be_visible()
    answered(chat)
    expect(chat.locator("article[data-role=user]")).to_contain_text("Say no.")
    chat.get_by_role("button", name="Previous version").click()
    expect(chat.locator("article[data-role=user]")).to_contain_text("Say yes.")
    expect(chat.get_by_text("1/2")).to_be_visible()


def test_an_answer_is_rated_and_copied(chat: Page) -> None:
    begun(chat)
    answered(chat)
    chat.get_by_role("button", name="Bad answer").click()
    note = chat.get_by_label("What was good or bad about it?")
    expect(note).to_be_focused()
    note.fill("Too short")
    chat.get_by_role("button", name="Save the note").click()
    expect(chat.get_by_text("Too short").first).to_be_visible()
    chat.reload()
    expect(chat.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    chat.get_by_role("button", name="Bad answer").click()
    expect(chat.get_by_text("Too short")).to_have_count(0)
    chat.get_by_role("link", name="Copy message").click()
    expect(chat.get_by_text("Copied", exact=True)).to_be_visible()
    assert chat.evaluate("navigator.clipboard.readText()") == "Say yes."


def test_a_slash_picks_a_prompt(chat: Page) -> None:
    name = chat.locator("#composer [name=prompt] option:checked").text_content() or ""
    box = chat.get_by_label("Message", exact=True)
    box.press_sequentially("/")
    none = chat.locator("#slash").get_by_role("option", name="None")
    expect(none).to_be_visible()
    chat.keyboard.press("Escape")
    expect(none).to_have_count(0)
    box.fill("/none")
    chat.keyboard.press("Enter")
    expect(box).to_have_value("")
    assert chat.locator("#composer [name=prompt]").input_value() == ""
    # By its name, for others have made prompts in this house meanwhile.
    box.fill(f"/{name.split(' (')[0]}")
    chat.keyboard.press("ArrowUp")
    chat.keyboard.press("ArrowDown")
    chat.keyboard.press("Enter")
    expect(chat.locator("#held-with")).to_contain_text(name.split(" (")[0].split(",")[0])


def test_a_prompt_of_a_long_name_keeps_within_the_page(chat: Page) -> None:
    chat.evaluate(
        "const held = document.querySelector('#held-with');"
        "held.classList.remove('only-wide'); held.textContent = `· ${'Letters to the regulator '.repeat(3)}`"
    )
    expect(chat.get_by_text("Letters to the regulator")).to_be_visible()
    assert chat.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_wrong_in_the_closed_menu_is_said(chat: Page) -> None:
    chat.locator("#composer summary").click()
    chat.get_by_label("Temperature").fill("9")
    chat.keyboard.press("Escape")
    write(chat, "How warm is it?")
    chat.get_by_role("button", name="Send", exact=True).click()
    expect(chat.get_by_text("Temperature: Ensure this value is less than or equal to 2.")).to_be_visible()
    expect(chat.get_by_label("Message", exact=True)).to_have_value("How warm is it?")


def test_a_draft_stays_with_its_conversation_and_its_entry_shows_it(chat: Page, context: BrowserContext) -> None:
    begun(chat)
    answered(chat)
    conversation = chat.url
    write(chat, "A thought")
    again = context.new_page()
    again.goto("/chat/")
    expect(again.get_by_label("Message", exact=True)).to_have_value("")
    path = conversation.removeprefix(again.url.removesuffix("/chat/"))
    expect(again.locator(f'a[href="{path}"] [data-drafted]')).not_to_have_attribute("hidden", "")
    again.goto(conversation)
    expect(again.get_by_label("Message", exact=True)).to_have_value("A thought")


def test_ten_megabytes_are_one_sentence_and_stay(chat: Page) -> None:
    chat.evaluate(f"document.querySelector('#m-message').value = 'word '.repeat({2_000_000})")
    chat.evaluate("document.querySelector('#composer form').requestSubmit()")
    expect(chat.get_by_text("This is more than can be sent at once")).to_be_visible()
    assert chat.evaluate("document.querySelector('#m-message').value.length") == 10_000_000
    assert chat.url.endswith("/chat/")
