"""What every page loads stays small, and nothing in a template needs more than the Content Security Policy allows."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from ui.registry import registry

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
# Letters are read in other people's programs, which load no stylesheet, and under no policy of ours.
PAGES = [path for path in TEMPLATES if path.parent.name != "mail"]
SPRITE = (ROOT / "static" / "icons.svg").read_text()


def compressed(name: str) -> int:
    path = finders.find(name)
    assert path is not None
    return len(gzip.compress(Path(path).read_bytes(), 9))


def test_the_stylesheet_and_the_script_stay_small() -> None:
    assert compressed("gatehouse.css") <= 12_000
    assert compressed("gatehouse.js") <= 6_000


def test_the_first_load_stays_under_sixty_kilobytes() -> None:
    names = (
        "gatehouse.css",
        "gatehouse.js",
        "icons.svg",
        "django_htmx/htmx-2.min.js",
        "django_htmx/ext/hx-sse-2.min.js",
    )
    assert sum(compressed(name) for name in names) <= 60_000


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_inline(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_icon_exists(path: Path) -> None:
    for name in re.findall(r'{% icon "([^"]+)"', path.read_text()):
        assert f'id="i-{name}"' in SPRITE, name


def test_the_icons_of_the_rail_exist() -> None:
    assert [entry.icon for entry in registry.rail if f'id="i-{entry.icon}"' not in SPRITE] == []
