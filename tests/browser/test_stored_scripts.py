"""Nobody's words run as a script, load anything or move a page, in the real browser, even without the policy."""

from __future__ import annotations

import mimetypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import Dialog, Page, Route, sync_playwright

from accounts.models import User
from chat.models import Attachment, Conversation, Folder, Message, Model, PromptVersion, Provider, SystemPrompt, Tag
from tests.browser.conftest import ARGUMENTS
from tests.chat.stored_scripts import MESSAGES, NAMES
from tests.factories import client_of, make_user

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
HOST = "http://gatehouse.test"
ON_A_PAGE = 200

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
]

# What must not be in a page whatever was stored, and what the words themselves may have become.
SURVIVORS = """() => {
  const found = [...hits];
  const odd = "script, style, iframe, object, embed, base, link, meta, img, video, audio, math, marquee";
  document.querySelectorAll("main template:not(#chosen-file)").forEach((each) => found.push(each.outerHTML));
  document.querySelectorAll(`main :is(${odd})`).forEach((each) => found.push(each.outerHTML));
  document.querySelectorAll("*").forEach((each) => [...each.attributes].forEach(({ name, value }) => {
    const isHouse = /^\\/(?!\\/)|^#|^this$/.test(value) || !/canary|evil/.test(value);
    const leads = ["href", "src", "action", "formaction", "xlink:href", "ping", "srcset", "poster"].includes(name);
    if (/^on|^style$|srcdoc/.test(name)) found.push(each.outerHTML);
    else if (/^(data-)?(hx|sse)-/.test(name) && (each.closest(".prose") || !isHouse)) found.push(each.outerHTML);
    else if (leads && !/^(https?:|mailto:|[/#?]|$)/.test(value)) found.push(each.outerHTML);
  }));
  document.querySelectorAll(".prose *").forEach((each) => [...each.attributes].forEach(({ name }) => {
    if (!["href", "title", "rel", "target", "class", "type", "tabindex", "start", "data-copy-code"].includes(name))
      found.push(each.outerHTML);
  }));
  return found;
}"""


class Watched:
    """A page whose policy is switched off, so that whatever would run does."""

    def __init__(self, page: Page) -> None:
        self.page, self.html = page, ""
        self.asked: list[str] = []
        self.dialogs: list[str] = []
        page.add_init_script("window.hits = []; window.canary = window.alert = (what) => hits.push(String(what));")
        page.on("dialog", self.note)
        page.route("**/*", self.answer)

    def note(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        if route.request.is_navigation_request() and route.request.url == f"{HOST}/looked-at/":
            route.fulfill(body=self.html, content_type="text/html; charset=utf-8")
        elif url.hostname == "gatehouse.test" and url.path.startswith("/static/"):
            file = Path(str(finders.find(url.path.removeprefix("/static/"))))
            route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or "")
        else:
            self.asked.append(f"{route.request.method} {route.request.url}")
            route.fulfill(status=204)

    def harm(self, html: str) -> list[str]:
        """What the words on a page did, or could do."""
        self.html, self.asked = html, []
        self.page.goto(f"{HOST}/looked-at/")
        self.page.wait_for_function("document.readyState === 'complete'")
        # What waits to be touched is touched.
        self.page.evaluate(
            "document.querySelectorAll('.prose *').forEach((each) => each.dispatchEvent(new Event('mouseover')))"
        )
        # The house itself asks for what goes on in a page: its own addresses, by what it wrote into the page.
        strange = [each for each in self.asked if "evil" in each or "canary" in each or "/logout/" in each]
        return [*self.page.evaluate(SURVIVORS), *strange, *self.dialogs]


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    # The browser's loop runs in this thread, and Django must not take that for an asynchronous caller.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield Watched(chromium.new_context(bypass_csp=True).new_page())
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def admin() -> User:
    return make_user(role="admin")


def page_of(client: Client, address: str) -> str:
    response = client.get(address, follow=True)
    assert response.status_code == 200, address
    assert "Content-Security-Policy" in response.headers
    return response.content.decode()


def pieces(texts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The texts, as many at once as a page shows."""
    return [texts[at : at + ON_A_PAGE] for at in range(0, len(texts), ON_A_PAGE)]


def talk_of(owner: User, texts: tuple[str, ...], *, role: str) -> Conversation:
    """A conversation whose every turn of this role says one of the texts."""
    conversation = Conversation.objects.create(owner=owner, title="Talk", message_count=len(texts))
    parent = None
    for text in texts:
        parent = Message.objects.create(conversation=conversation, parent=parent, role=role, content=text)
    Conversation.objects.filter(pk=conversation.pk).update(active_leaf=parent)
    return conversation


def test_there_are_enough_of_them() -> None:
    assert len(set(MESSAGES)) >= 2000


def test_the_canary_would_sing(watched: Watched) -> None:
    """What is looked for is found where a page does let it through."""
    head = "<!doctype html><main><div class=prose>"
    for text in (
        "<script>canary()</script>", "<img src=x onerror=canary()>", "<img src=//evil.test/x>",
        "<a href='javascript:canary()'>x</a>", "<p style='color:red'>x</p>", "<p hx-get=/ >x</p>",
    ):  # fmt: skip
        assert watched.harm(head + text), text
    assert watched.harm(head + "<a href=https://example.org/>fine</a>") == []


@pytest.mark.parametrize("role", [Message.Role.ASSISTANT, Message.Role.USER])
def test_messages(watched: Watched, admin: User, role: str) -> None:
    client = client_of(admin)
    for texts in pieces(MESSAGES):
        conversation = talk_of(admin, texts, role=role)
        html = page_of(client, f"/chat/{conversation.public_id}/")
        assert html.count("<article") >= len(texts)
        assert watched.harm(html) == []


def test_messages_as_an_overseer_reads_them(watched: Watched, admin: User) -> None:
    client = client_of(admin)
    for texts in pieces(MESSAGES[::7]):
        conversation = talk_of(make_user(), texts, role=Message.Role.ASSISTANT)
        assert watched.harm(page_of(client, f"/conversations/{conversation.public_id}/")) == []


def test_names_titles_and_descriptions(watched: Watched, admin: User) -> None:
    """Every kind of thing that has words of somebody's, on every page that shows them."""
    server = Provider.objects.create(
        name=NAMES[0], name_key="server", base_url="https://models.example/v1", trouble=NAMES[12][:300]
    )
    prompt = None
    for number, name in enumerate(NAMES):
        prompt = SystemPrompt.objects.create(
            name=name[:80], name_key=f"prompt {number}", description=name, content=name, default_mark=not number or None
        )
        PromptVersion.objects.create(prompt=prompt, number=1, content=name, note=name[:200])
        model = Model.objects.create(provider=server, name=f"{name}{number}"[:200], label=name[:80])
        folder = Folder.objects.create(owner=admin, name=name[:80], name_key=f"folder {number}", prompt=prompt)
        tag = Tag.objects.create(owner=admin, name=name[:40], name_key=f"tag {number}")
        conversation = Conversation.objects.create(
            owner=admin, title=name[:200], description=name[:500], model=model, folder=folder, system_prompt=prompt
        )
        conversation.tags.add(tag)
        said = Message.objects.create(
            conversation=conversation, role="user", content=name, model_name=name[:200], error=name[:300]
        )
        Attachment.objects.create(message=said, name=name[:150], content=name, size=len(name))
        answer = Message.objects.create(
            conversation=conversation, parent=said, role="assistant", status="failed", error=name[:300],
            model_name=name[:200], rating=-1, rating_note=name,
        )  # fmt: skip
        Conversation.objects.filter(pk=conversation.pk).update(active_leaf=answer)
        User.objects.create(username=f"person-{uuid4()}", email=f"{number}@example.org", full_name=name[:150], bio=name)
    assert prompt is not None
    client = client_of(admin)
    pages = [
        "/", "/chat/", "/chat/all/", "/chat/folders/", "/conversations/", "/prompts/", "/models/", "/users/",
        f"/users/{admin.public_id}/conversations/", "/palette/?q=%3C", "/palette/?q=canary", "/chat/?q=canary",
        "/palette/?q=%22%3E%3Cimg%20src=x%20onerror=canary()%3E",
    ]  # fmt: skip
    some = Conversation.objects.filter(owner=admin).order_by("pk")[::15]
    pages += [f"/chat/{each.public_id}/{end}" for each in some for end in ("", "rename/", "details/")]
    pages += [f"/conversations/{each.public_id}/" for each in some]
    pages += [f"/prompts/{each.public_id}/{end}" for each in SystemPrompt.objects.all()[::15] for end in ("", "edit/")]
    pages += [f"/chat/folders/{each.public_id}/" for each in Folder.objects.all()[::30]]
    pages += [f"/users/{each.public_id}/" for each in User.objects.exclude(pk=admin.pk)[::15]]
    for address in pages:
        assert watched.harm(page_of(client, address)) == [], address
