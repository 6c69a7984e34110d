"""Prompts as people work with them: written, compared, restored, tried; wide and narrow, with scripts and without."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_pages import _faults

WIDTHS = pytest.mark.parametrize("width", [1440, 390])


def _new_prompt(page: Page, content: str) -> str:
    """A prompt of its own; answers the address of its page."""
    name = f"Letters {uuid4().hex[:8]}"
    page.goto("/prompts/new/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Content", exact=True).fill(content)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/prompts/")
    page.get_by_role("link", name=name).click()
    page.wait_for_url("**/prompts/*-*/")
    return page.url


@WIDTHS
def test_a_prompt_is_changed_compared_and_restored(house: House, page: Page, complaints: list[str], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    url = _new_prompt(page, "Be brief.\nSign.")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Content", exact=True).fill("Be long.\nSign.")
    page.get_by_label("What changed, and why").fill("People asked for more")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(url)
    page.get_by_role("link", name="Versions").click()
    expect(page.locator(".diff del")).to_contain_text("Be brief.")
    expect(page.locator(".diff ins")).to_contain_text("Be long.")
    old, new = page.locator(".diff del").bounding_box(), page.locator(".diff ins").bounding_box()
    assert old
    assert new
    assert (old["y"] == new["y"]) == (width == 1440)
    expect(page.get_by_text("“People asked for more”")).to_be_visible()
    assert _faults(page) == []
    page.get_by_role("button", name="Restore version 1").click()
    page.wait_for_url(url)
    expect(page.locator(".toast")).to_contain_text("Version 1 counts again, as version 3.")
    expect(page.locator(".shown")).to_contain_text("Be brief.")
    assert _faults(page) == []
    assert complaints == []


@WIDTHS
def test_a_text_is_tried_beside_the_live_one_and_stopped(
    house: House, page: Page, complaints: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    url = _new_prompt(page, "Answer in one short sentence.")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Content", exact=True).fill("Answer {{name}} in one word.")
    page.get_by_role("button", name="Try this text").click()
    page.wait_for_url("**/try/")
    expect(page.get_by_role("textbox", name="Your text")).to_have_value("Answer {{name}} in one word.")
    page.get_by_label("Message", exact=True).fill("Say hello.")
    page.get_by_role("button", name="Try both").click()
    answers = page.locator("[data-answer]")
    expect(answers.locator(".meta")).to_have_count(2, timeout=60_000)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert _faults(page) == []
    page.get_by_label("Message", exact=True).fill("Tell a very long story about a lighthouse, a fox and the sea.")
    page.get_by_role("button", name="Try both").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.").first).to_be_visible()
    expect(page.get_by_role("button", name="Try both")).to_be_focused()
    page.get_by_role("button", name="Go on editing my text").click()
    page.wait_for_url(f"{url}edit/")
    expect(page.get_by_label("Content", exact=True)).to_have_value("Answer {{name}} in one word.")
    assert complaints == []


def test_prompts_are_tried_without_scripts(house: House, browser: Browser) -> None:
    page = browser.new_context(base_url=house.url, java_script_enabled=False).new_page()
    page.set_default_timeout(60_000)
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    url = _new_prompt(page, "Answer in one word.")
    page.goto(f"{url}try/")
    page.get_by_label("Message", exact=True).fill("Say hello.")
    page.get_by_role("button", name="Try both").click()
    expect(page.locator("[data-answer] .meta")).to_have_count(2)
