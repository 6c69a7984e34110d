"""`make screenshots`: pictures of the main pages with the sample team, light, dark and narrow."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import processes
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WIDE, NARROW = (1440, 900), (390, 844)
START_SECONDS = 90

PAGES = {
    "home": "/",
    "conversations": "/conversations/",
    "prompts": "/prompts/",
    "users": "/users/",
    "security": "/profile/security/",
    "import": "/users/import/",
    "teams": "/users/teams/",
    "roles": "/roles/",
    "why": "/roles/why/?person=isabelle.roy&permission=settings:read",
    "who": "/roles/why/who/?permission=conversations:oversee",
    "reviews": "/roles/reviews/",
    "settings": "/settings/",
    "compare": "/settings/compare/?left=staging&right=production",
    "proposals": "/settings/proposals/",
    "rollback": "/settings/rollback/preview/?kind=version&key=chat.max_output_tokens&environment=production&version=1",
    "flags": "/flags/",
    "flag": "/flags/answers.with-sources/",
    "models": "/models/",
    "audit": "/audit/",
}
QUESTION = "Write a short Python function that says whether a year is a leap year, and explain it."


def main() -> int:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("Chromium is needed for pictures and is not installed.")
    password, port = secrets.token_urlsafe(18), processes.free_port()
    with tempfile.TemporaryDirectory(prefix="gatehouse-screenshots-") as data:
        env = os.environ | {"GATEHOUSE_DATA_DIR": data, "PORT": str(port), "GATEHOUSE_ADMIN_PASSWORD": password}
        env |= {"GATEHOUSE_ADMIN_EMAIL": "admin@helvia.example", "DATABASE_URL": ""}
        run = [sys.executable, "scripts/run.py"]
        for command in (["migrate", "--verbosity=0"], ["init", "--sample-data"]):
            subprocess.run([*run, "--manage", *command], cwd=ROOT, env=env, check=True)
        server = processes.start(run, env=env, output=None, ending=signal.SIGTERM)
        try:
            if not processes.wait_for_answer(port, process=server, seconds=START_SECONDS):
                raise SystemExit("The server did not start.")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
                _take_all(browser, f"http://127.0.0.1:{port}", password)
        finally:
            processes.stop(server, seconds=40)
    return 0


def _take_all(browser: Browser, url: str, password: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(base_url=url, reduced_motion="reduce", locale="en-GB", timezone_id="UTC")
    page = context.new_page()
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    page.goto("/login/")
    _take(page, "login")
    page.get_by_label("Email or username", exact=True).fill("admin")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(url + "/")
    pages = PAGES | {"chat": _conversation(page)}
    for name, address in pages.items():
        page.goto(address)
        _take(page, name)
    page.goto("/flags/prompt.style/?as=ana.ruiz")
    page.get_by_role("button", name="Test", exact=True).wait_for()
    _take(page, "flag-test", at="#test-as")
    page.goto("/flags/proposals/")
    page.locator("main a[href^='/flags/proposals/'][href$='/']").filter(has_text="chat.stop").first.click()
    page.wait_for_load_state()
    _take(page, "flag-proposal")
    page.goto("/settings/?q=helvia")
    _open_row(page).fill("Mo–Su 8–20")
    _take(page, "settings-row", at="tbody form")
    _conflict(context, page)
    _take(page, "conflict", at="tbody form")
    page.goto("/users/")
    for box in page.locator("[name=id]").all()[2:5]:
        box.check()
    page.get_by_label("What to do").select_option("Sign out everywhere")
    _take(page, "users-chosen")
    page.goto("/audit/?action=setting.changed")
    page.locator("tbody a[aria-expanded]").first.click()
    page.locator("tr.detail").wait_for()
    _take(page, "audit-row")


def _open_row(page: Page) -> Locator:
    """The field of a setting that was opened in its row."""
    page.locator("tbody", has_text="helvia.support_hours").locator("td[data-l=Development] a.v").click()
    field = page.get_by_label("Value", exact=True)
    field.wait_for()
    return field


def _conflict(context: BrowserContext, page: Page) -> None:
    """Somebody else has saved a value while this page was open."""
    save = page.locator("tbody form button.primary")
    other = context.new_page()
    other.goto("/settings/?q=helvia")
    _open_row(other).fill("Mo–Fr 7–19")
    other.locator("tbody form button.primary").click()
    other.locator("tbody form").wait_for(state="detached")
    other.close()
    save.click()
    page.locator("[data-theirs]").wait_for()


def _conversation(page: Page) -> str:
    """A conversation of the admin's own, with an answer of the local model."""
    page.goto("/chat/")
    page.get_by_label("Message", exact=True).fill(QUESTION)
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("article[data-role=assistant][data-status=complete]").wait_for(timeout=120_000)
    return page.url


def _take(page: Page, name: str, *, at: str = "") -> None:
    """The page, or as much of it as ends with the element `at`: light, dark, and on a phone."""
    for scheme in ("light", "dark", "narrow"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        width, height = NARROW if scheme == "narrow" else WIDE
        page.set_viewport_size({"width": width, "height": height})
        if at:
            page.locator(at).first.evaluate("element => element.scrollIntoView({block: 'end'})")
        page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


if __name__ == "__main__":
    sys.exit(main())
