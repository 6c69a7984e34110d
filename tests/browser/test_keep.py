"""Conversations are named, tagged, sorted, put away, copied, taken out and deleted in a browser."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in

WIDTHS = pytest.mark.parametrize("width", [1440, 390])


def begin(house: House, page: Page, width: int, text: str) -> str:
    """A conversation that was begun with this text, its first answer stopped."""
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    page.goto("/chat/")
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    # Over before it could be stopped, perhaps: it asks for one word.
    with suppress(PlaywrightTimeout):
        page.get_by_role("button", name="Stop", exact=True).click(timeout=3_000)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=60_000)
    # Loaded anew, so that nothing comes in between any more.
    page.goto(page.url)
    return page.url


def more(page: Page, name: str) -> None:
    page.locator("summary[aria-label=More]").click()
    page.locator(".thread-head .pop").get_by_text(name, exact=True).click()


@WIDTHS
def test_details_tags_and_a_pin(house: House, page: Page, complaints: list[str], width: int) -> None:
    begin(house, page, width, f"Say yes, kept {width}.")
    page.locator("summary[aria-label=Tags]").click()
    page.get_by_label("New tag").fill(f"spring {width}")
    page.keyboard.press("Enter")
    expect(page.locator("#thread-facts")).to_contain_text(f"#spring {width}")
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_role("button", name="Unpin", exact=True)).to_be_visible()
    more(page, "Details and folder")
    page.get_by_label("Title", exact=True).fill(f"Kept at {width}")
    page.get_by_label("Description", exact=True).fill("What it is about")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#conversation-title")).to_have_text(f"Kept at {width}")
    page.locator("summary[aria-label=Tags]").click()
    page.locator(".thread-head button[name=remove]").click()
    expect(page.locator("#thread-facts")).not_to_contain_text("#spring")
    assert complaints == []


@WIDTHS
def test_archive_bin_and_undo(house: House, page: Page, complaints: list[str], width: int) -> None:
    address = begin(house, page, width, f"Say yes, put away {width}.")
    more(page, "Archive")
    expect(page.get_by_text("is in the archive.")).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.wait_for_url(address)
    more(page, "Move to bin")
    page.get_by_role("button", name="Undo", exact=True).click()
    page.wait_for_url(address)
    more(page, "Move to bin")
    page.goto("/chat/bin/")
    page.get_by_role("link", name=re.compile(rf"Delete Say yes, put away {width}. for good")).click()
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.get_by_text("is deleted for good.")).to_be_visible()
    response = page.goto(address)
    assert response is not None
    assert response.status == 404
    assert [complaint for complaint in complaints if "404" not in complaint] == []


@WIDTHS
def test_a_copy_and_files(house: House, page: Page, complaints: list[str], width: int) -> None:
    address = begin(house, page, width, f"Say yes, copied {width}.")
    with page.expect_download() as taken:
        more(page, "Export as Markdown")
    assert taken.value.suggested_filename.endswith(".md")
    assert f"Say yes, copied {width}." in taken.value.path().read_text()
    page.goto(address)
    more(page, "Duplicate")
    page.wait_for_url(lambda url: "/chat/" in url and url != address)
    expect(page.locator("#conversation-title")).to_contain_text("(copy)")
    expect(page.locator("article[data-role=user]")).to_have_count(1)
    assert complaints == []


@WIDTHS
def test_a_folder_and_acts_upon_many(house: House, page: Page, complaints: list[str], width: int) -> None:
    begin(house, page, width, f"Say yes, many {width}.")
    page.goto("/chat/folders/")
    page.get_by_label("Name", exact=True).fill(f"Bills {width}")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("link", name=f"Bills {width}", exact=True)).to_be_visible()
    page.goto(f'/chat/all/?q="many {width}"')
    box = page.get_by_label(re.compile("^Choose Say yes, many"))
    box.first.check()
    page.get_by_role("button", name="Move…", exact=True).click()
    page.get_by_label("Folder", exact=True).select_option(label=f"Bills {width}")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text("1 conversation is moved.")).to_be_visible()
    box.first.check()
    with page.expect_download() as taken:
        page.get_by_role("button", name="JSON", exact=True).click()
    assert taken.value.suggested_filename.endswith(".zip")
    # The list stays as it was, ready for the next act.
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.get_by_text("1 conversation is in the archive.")).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("Taken back.")).to_be_visible()
    page.goto("/chat/folders/")
    page.get_by_role("link", name=f"Bills {width}", exact=True).click()
    expect(page.locator(".thread-head")).to_contain_text(f"in the folder Bills {width}")
    assert complaints == []


def test_without_scripts(house: House, page: Page) -> None:
    address = begin(house, page, 390, "Say yes, without scripts.")
    context = page.context.browser.new_context(base_url=house.url, java_script_enabled=False)  # type: ignore[union-attr] # a page of ours has one
    plain = context.new_page()
    sign_in(plain, ADMIN_EMAIL, house.admin_password)
    plain.goto(f"{address}details/")
    plain.get_by_label("Tags", exact=True).fill("plain")
    plain.get_by_role("button", name="Save", exact=True).click()
    expect(plain.locator("#thread-facts")).to_contain_text("#plain")
    plain.goto("/chat/all/?q=tag:plain")
    plain.locator("input[name=id]").first.check()
    plain.get_by_role("button", name="Bin", exact=True).click()
    expect(plain.get_by_text("1 conversation is in the bin.")).to_be_visible()
    plain.get_by_role("button", name="Undo", exact=True).click()
    expect(plain.locator("input[name=id]")).to_have_count(1)
