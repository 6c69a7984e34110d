"""The tabs of one's own profile and of the page of a person: those of this floor and of higher ones."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse

from accounts.models import User
from ui.registry import registry

register = template.Library()


@register.inclusion_tag("accounts/_user_tabs.html", takes_context=True)
def user_tabs(context: Context, person: User) -> dict[str, Any]:
    """The registered tabs whose permission the viewer holds; the one whose page this is says so."""
    request = context["request"]
    allowed = [tab for tab in registry.user_tabs if not tab.permission or request.user.has_perm(tab.permission)]
    tabs = []
    for tab in sorted(allowed, key=lambda tab: tab.order):
        url = reverse(tab.url_name, args=[person.public_id])
        tabs.append({"label": tab.label, "url": url, "here": url == request.path})
    return {"tabs": tabs, "person": person}


@register.inclusion_tag("accounts/_profile_tabs.html", takes_context=True)
def profile_tabs(context: Context) -> dict[str, Any]:
    """The tabs of one's own profile; the one whose page this is, or lies below, says so."""
    path = context["request"].path
    found = [(tab, reverse(tab.url_name)) for tab in sorted(registry.profile_tabs, key=lambda tab: tab.order)]
    here = max((url for _tab, url in found if path.startswith(url)), key=len, default="")
    return {"tabs": [{"label": tab.label, "url": url, "here": url == here} for tab, url in found]}
