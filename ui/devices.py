"""A browser's user agent in words that its person recognises; no more than that is read from it."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

# The first that matches names it: many browsers also carry the names of those they descend from.
BROWSERS = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"\b(?:OPR|Opera)/(\d+)")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/(\d+)")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"\b(?:HeadlessChrome|Chrome|CriOS)/(\d+)")),
    ("Safari", re.compile(r"\bVersion/(\d+)[\d.]* (?:Mobile/\w+ )?Safari/")),
    ("curl", re.compile(r"^curl/(\d+)")),
    ("Python", re.compile(r"^(?:python-requests|python-httpx|Python-urllib|aiohttp)/(\d+)")),
)
SYSTEMS = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("macOS", re.compile(r"\bMac OS X\b|\bMacintosh\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)


def device_in_words(user_agent: str) -> str:
    """For example “Firefox 145 on Linux”; “Unknown device” where nothing is recognised."""
    browser = next((f"{name} {match[1]}" for name, rule in BROWSERS if (match := rule.search(user_agent))), "")
    system = next((name for name, rule in SYSTEMS if rule.search(user_agent)), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown device")


def is_phone(user_agent: str) -> bool:
    return "iPhone" in user_agent or ("Android" in user_agent and "Mobile" in user_agent)
