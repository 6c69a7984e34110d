"""The form of model servers and addresses nobody may reach: refused in words, and nothing knocks at the door."""

from __future__ import annotations

import socket

from playwright.sync_api import Page, expect

from tests.browser.conftest import ADMIN_EMAIL, House, sign_in
from tests.settings_store.ssrf_urls import LITERALS, URLS

# One of each kind of spelling, of this machine; then other forms.
SAMPLE = [
    *(url for name, url in LITERALS.items() if name.startswith("loopback: ")),
    *(URLS[name] for name in ("metadata: dotted", "::1", "fe80::1", "localhost", "app.localhost")),
    "http://u:p@127.0.0.1:PORT/", "http://127.0.0.1:PORT\\@example.com/", "http://127.0.0.1:PORT/?x=1",
    "ftp://127.0.0.1:PORT/", "file:///etc/passwd", "javascript://127.0.0.1:PORT/", "//127.0.0.1:PORT/",
]  # fmt: skip


def test_no_spelling_gets_past_the_form(house: House, page: Page) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        sign_in(page, ADMIN_EMAIL, house.admin_password)
        page.goto("/models/new/")
        page.get_by_label("Name", exact=True).fill("Elsewhere")
        for url in SAMPLE:
            page.get_by_label("Base URL").fill(url.replace("PORT", str(canary.getsockname()[1])))
            # What the browser would refuse by itself is sent too.
            page.evaluate("document.querySelectorAll('form').forEach((form) => { form.noValidate = true; })")
            page.get_by_role("button", name="Save and check").click()
            field = page.get_by_label("Base URL")
            expect(field, url).to_have_attribute("aria-invalid", "true")
            # The sentence stands beside the field, and the rest is as it was typed.
            expect(page.get_by_label("Name", exact=True)).to_have_value("Elsewhere")
            page.evaluate("document.querySelectorAll('[aria-invalid]').forEach((each) => each.ariaInvalid = 'false')")
        try:
            canary.accept()
        except BlockingIOError:
            return
        raise AssertionError("somebody knocked")
