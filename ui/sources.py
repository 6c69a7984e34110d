"""Where the value of a setting comes from, in the words of pages and commands."""

from __future__ import annotations

from django.utils.translation import gettext as _


def source_in_words(kind: str) -> str:
    """Of code, rules (of a setting that an admin declared), default, own or environment; empty for none of them."""
    return {
        "code": _("code"),
        "rules": _("rules"),
        "default": _("default"),
        "own": _("set here"),
        "environment": _("environment"),
    }.get(kind, "")
