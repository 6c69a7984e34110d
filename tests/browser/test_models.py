"""Model servers in a real browser: tried before they are saved, their models named, priced and put in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.browser.test_users import fits
from tests.chat.model_server import ModelServer, running_model_server
from tests.fake_model_server import KEY

NAME = "Server of the models test"


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    with running_model_server() as server:
        yield server


@pytest.fixture
def admin(house: House, page: Page) -> Iterator[Page]:
    """The page of an admin; a server that was added goes again, for its models would be chosen by other tests."""
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    yield page
    page.goto("/models/")
    section = page.locator("section", has=page.get_by_role("heading", name=NAME))
    if section.count():
        section.get_by_role("link", name="Delete…").click()
        page.get_by_label("Name of the server").fill(NAME)
        page.get_by_role("button", name="Delete server").click()
        expect(page.get_by_text("was deleted.")).to_be_visible()


def fill(page: Page, base_url: str, key: str) -> None:
    page.goto("/models/new/")
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Base URL").fill(base_url)
    page.get_by_label("API key").fill(key)
    page.get_by_label("May be on this machine").check()


def add(page: Page, base_url: str) -> None:
    fill(page, base_url, KEY)
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text(f"{NAME} answers.")).to_be_visible()


def test_a_server_is_tried_with_all_that_was_typed_kept(
    admin: Page, model_server: ModelServer, complaints: list[str]
) -> None:
    page = admin
    fill(page, model_server.base_url, "wrong-key")
    page.get_by_label("May be on this machine").uncheck()
    test, answer = page.get_by_role("button", name="Test the connection"), page.locator("#answer")
    test.click()
    expect(answer.get_by_text("Nothing was asked yet.")).to_be_visible()
    page.get_by_label("May be on this machine").check()
    test.click()
    expect(answer.get_by_text("does not accept our key")).to_be_visible()
    expect(page.get_by_label("API key")).to_have_value("wrong-key")
    page.get_by_label("API key").fill(KEY)
    test.click()
    expect(answer.get_by_text("It answers in")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value(NAME)
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text(f"{NAME} answers.")).to_be_visible()
    # A refusal of what was typed comes with 422, which the browser notes.
    assert [line for line in complaints if "422" not in line] == []


@pytest.mark.parametrize("width", [1440, 390])
def test_a_model_is_named_priced_and_put_in_order(
    admin: Page, model_server: ModelServer, complaints: list[str], width: int
) -> None:
    page = admin
    page.set_viewport_size({"width": width, "height": 900})
    add(page, model_server.base_url)
    page.get_by_label("Find a model").fill("markdown")
    page.get_by_label("Find a model").press("Enter")
    assert fits(page)
    page.locator("tr", has_text="markdown").get_by_role("link", name="Edit").click()
    page.get_by_label("Name for people").fill("Writes in Markdown")
    page.get_by_label("Context size").fill("8192")
    page.get_by_label("Price in").fill("-1")
    page.get_by_label("Price out").fill("2")
    page.get_by_label("Temperature").fill("0.2")
    assert fits(page)
    # The browser asks for 0 or more as well; here the answer of the house is looked at.
    page.locator("form[data-unsaved]").evaluate("form => { form.noValidate = true; }")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("A price is 0 or more.").first).to_be_visible()
    expect(page.get_by_label("Name for people")).to_have_value("Writes in Markdown")
    page.get_by_label("Price in").fill("0.5")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("“Writes in Markdown” was saved.")).to_be_visible()

    page.goto("/models/order/")
    assert fits(page)
    page.get_by_role("button", name="Put Writes in Markdown first").click()
    first = page.get_by_role("main").get_by_role("listitem").filter(has_text=NAME).first
    expect(first).to_contain_text("Writes in Markdown")
    page.get_by_role("button", name="Move Writes in Markdown down").click()
    expect(first).not_to_contain_text("Writes in Markdown")
    assert [line for line in complaints if "422" not in line] == []


def test_a_server_is_paused_resumed_and_its_models_withdrawn_at_once(
    admin: Page, model_server: ModelServer, complaints: list[str]
) -> None:
    page = admin
    add(page, model_server.base_url)
    section = page.locator("section", has=page.get_by_role("heading", name=NAME))
    section.get_by_role("button", name="Pause").click()
    expect(section.get_by_text("paused", exact=True)).to_be_visible()
    section.get_by_role("button", name="Resume").click()
    expect(section.get_by_text("answers", exact=True)).to_be_visible()
    section.locator("summary").click()
    section.get_by_role("button", name="Withdraw all").click()
    expect(page.get_by_text("offered no more.")).to_be_visible()
    expect(section.get_by_text("0 of them offered")).to_be_visible()
    expect(
        section.get_by_text("calls in the last hour, none failed").or_(section.get_by_text("1 call in"))
    ).to_be_visible()
    assert complaints == []


def test_without_scripts_a_server_is_tried_on_a_page(
    house: House, browser: Browser, context: BrowserContext, model_server: ModelServer
) -> None:
    plain = browser.new_context(base_url=house.url, java_script_enabled=False)
    page = plain.new_page()
    sign_in(page, ADMIN_EMAIL, house.admin_password)
    fill(page, model_server.base_url, KEY)
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text("It answers in")).to_be_visible()
    expect(page.get_by_text("Enter it once more before you save.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value(NAME)
    expect(page.get_by_label("API key")).to_have_value("")
