"""What the script adds, in a real browser under the real policy; pages are rendered here and no server is needed."""

from __future__ import annotations

import mimetypes
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.utils.csp import build_policy
from playwright.sync_api import Browser, Dialog, Page, Route, expect, sync_playwright

from accounts.models import User

HOST = "http://gatehouse.test"
CHROMIUM = os.environ.get("CHROMIUM", shutil.which("chromium") or "")
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
]

PAGE = """{% extends "base.html" %}
{% block title %}Roles{% endblock %}
{% block heading %}Roles{% endblock %}
{% block actions %}
  <button class="btn" data-dialog="del">Delete…</button>
  <details class="menu">
    <summary class="btn">More</summary><div class="pop"><a class="item" href="#x">Lock</a></div>
  </details>
{% endblock %}
{% block content %}
  <form method="post" action="/save/" data-unsaved>
    <textarea name="message" aria-label="Message" data-enter-submits></textarea>
    <button class="btn" name="stop" type="button" data-stop>Stop</button>
  </form>
  <table class="table"><tbody>
    <tr data-href><th><a class="plain" href="/roles/1/">Operator</a></th><td>12</td></tr>
  </tbody></table>
  <div class="thread-body"><div class="measure"><p id="text">One</p></div></div>
{% endblock %}
{% block dialogs %}
  <dialog id="del" aria-label="Delete"><form method="post">
    <input aria-label="Name" data-confirm="Night shift"><button class="btn" formmethod="dialog">Keep it</button>
    <button class="btn danger">Delete role</button>
  </form></dialog>
{% endblock %}"""

# What the server finds by what is typed.
FOUND = {
    "q=": '<div data-found=""><a class="item" href="/">Home</a><a class="item" href="/chat/">Chat</a>'
    '<a class="item" href="/users/">Users</a></div>',
    "q=hom": '<div data-found="hom"><a class="item" href="/">Home</a></div>',
    "q=nothing%20such": '<div data-found="nothing such"><p>Nothing has it in its name.</p></div>',
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # The browser's loop runs in this thread, and Django must not take that for an asynchronous caller.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def posts() -> list[str]:
    return []


@pytest.fixture
def open_page(
    maren: User, render: Callable[..., str], browser: Browser, posts: list[str]
) -> Iterator[Callable[[int], Page]]:
    """Open the page above at a width; whatever the browser complains of fails the test."""
    complaints: list[str] = []
    html = render(PAGE, user=maren)
    policy = build_policy(cast("dict[str, list[str]]", settings.SECURE_CSP))

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if route.request.method == "POST":
            posts.append(f"{path} {route.request.post_data}")
            route.fulfill(status=204)
        elif path == "/palette/":
            route.fulfill(body=FOUND[urlsplit(route.request.url).query], content_type="text/html")
        elif path.startswith("/static/"):
            file = Path(str(finders.find(path.removeprefix("/static/"))))
            route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or "")
        else:
            route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": policy})

    contexts = []

    def opened(width: int = 1440) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.route("**/*", answer)
        page.goto(f"{HOST}/roles/")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


type OpenPage = Callable[..., Page]


def test_escape_closes_a_menu_and_gives_the_focus_back(open_page: OpenPage) -> None:
    page = open_page()
    summary = page.locator("summary", has_text="More")
    summary.click()
    expect(page.get_by_role("link", name="Lock")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Lock")).to_be_hidden()
    expect(summary).to_be_focused()


def test_a_click_elsewhere_closes_a_menu(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("summary", has_text="More").click()
    page.locator("h1").click()
    expect(page.get_by_role("link", name="Lock")).to_be_hidden()


def test_the_drawer_takes_the_focus_and_escape_returns_it(open_page: OpenPage) -> None:
    page = open_page(390)
    opener = page.get_by_role("link", name="Open menu")
    opener.click()
    expect(page.locator(".rail a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".rail")).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_name_must_be_typed_before_what_cannot_be_undone(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("button", name="Delete…").click()
    delete = page.get_by_role("button", name="Delete role")
    expect(delete).to_be_disabled()
    page.get_by_label("Name").fill("Night shift")
    expect(delete).to_be_enabled()
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#del")).to_be_hidden()


def test_the_theme_changes_at_once_and_is_kept(open_page: OpenPage, posts: list[str]) -> None:
    page = open_page()
    page.locator(".rail-user summary").click()
    with page.expect_request("**/theme/"):
        page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")
    assert posts[0].startswith("/theme/")
    assert 'name="theme"\r\n\r\ndark' in posts[0]


def test_enter_sends_and_shift_enter_breaks_the_line(open_page: OpenPage, posts: list[str]) -> None:
    page = open_page()
    message = page.get_by_label("Message")
    message.press("Enter")  # nothing to send
    message.press_sequentially("One")
    message.press("Shift+Enter")
    message.press_sequentially("Two")
    with page.expect_request("**/save/"):
        message.press("Enter")
    assert posts == ["/save/ message=One%0D%0ATwo"]


def test_escape_presses_stop(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("[data-stop]").evaluate("stop => stop.addEventListener('click', () => { document.title = 'stopped' })")
    page.get_by_label("Message").press("Escape")
    expect(page).to_have_title("stopped")


def test_leaving_with_something_unsaved_asks_first(open_page: OpenPage) -> None:
    page = open_page()
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    page.get_by_label("Message").press_sequentially("half a thought")
    page.goto(f"{HOST}/elsewhere/")
    assert asked == ["beforeunload"]


def test_control_k_goes_to_what_is_found(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("Control+k")
    page.get_by_label("Find pages").fill("nothing such")
    expect(page.get_by_text("Nothing has it in its name.")).to_be_visible()
    page.keyboard.press("Enter")
    page.get_by_label("Find pages").fill("hom")
    # Before the answer has come: it is gone to as soon as it does.
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{HOST}/")


def test_arrows_walk_through_what_is_found(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("Control+k")
    items = page.locator("#palette .item")
    expect(items).to_have_count(3)
    page.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()


def test_a_question_mark_lists_the_shortcuts_but_not_while_typing(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_label("Message").press_sequentially("why?")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()


def test_a_row_opens_wherever_it_is_clicked(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("cell", name="12").click()
    expect(page).to_have_url(f"{HOST}/roles/1/")


def test_a_request_that_fails_says_so_until_it_is_closed(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate("document.body.dispatchEvent(new CustomEvent('htmx:sendError', { bubbles: true }))")
    expect(page.locator(".toast")).to_have_count(1)
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".toast")).to_have_count(0)


def test_new_text_does_not_move_who_reads_further_up(open_page: OpenPage) -> None:
    page = open_page()
    moved = page.evaluate(
        """async () => {
          const thread = document.querySelector(".thread-body"), text = document.querySelector("#text");
          const line = () => [document.createElement("br"), "line"];
          const frames = async (n) => { while (n--) await new Promise(requestAnimationFrame); };
          const grow = () => { for (let i = 0; i < 40; i++) text.parentElement.append(...line()); };
          thread.style.height = "200px";
          grow();
          await frames(3);
          thread.scrollTop = -300;
          await frames(3);
          const before = text.getBoundingClientRect().top;
          grow();
          await frames(3);
          return Math.round(text.getBoundingClientRect().top - before);
        }"""
    )
    assert moved == 0
