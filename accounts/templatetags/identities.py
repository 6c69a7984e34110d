"""Identity providers where people meet them: at the door, at the step-up, and on their own profile."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import Identity, IdentityProvider
from accounts.oidc.kept import TROUBLE_KEY, TROUBLES
from ui.registry import registry

register = template.Library()


@register.inclusion_tag("accounts/_identity_trouble.html", takes_context=True)
def identity_trouble(context: Context) -> dict[str, Any]:
    """How a sign-in with a provider ended that did not work, told once."""
    request = context["request"]
    told = TROUBLES.get(request.GET.get("trouble", "")) if request.method == "GET" else None
    return {"sentence": request.session.pop(TROUBLE_KEY, "") or told}


@register.inclusion_tag("accounts/_identity_doors.html")
def identity_doors(wanted: str) -> dict[str, Any]:
    """A link to sign in with each provider, and then go on to where somebody wanted."""
    return _doors("oidc_begin", IdentityProvider.objects.enabled().order_by("name", "pk"), wanted)


@register.inclusion_tag("accounts/_identity_doors.html", takes_context=True)
def step_up_doors(context: Context, wanted: str) -> dict[str, Any]:
    """A link to prove oneself with each provider one is connected with."""
    own = IdentityProvider.objects.enabled().filter(identities__user=context["request"].user).order_by("name", "pk")
    return {**_doors("step_up_with", own, wanted), "again": True}


@register.inclusion_tag("accounts/_identities.html", takes_context=True)
def identity_connections(context: Context) -> dict[str, Any]:
    """What the person is connected with, and what they could be; nothing where there is no provider."""
    person = context["request"].user
    connected = list(Identity.objects.filter(user=person).select_related("provider").order_by("provider__name", "pk"))
    others = IdentityProvider.objects.enabled().exclude(pk__in=[each.provider_id for each in connected])
    named = list(others.order_by("name", "pk"))
    return {"connected": connected, "others": named, "request": context["request"]}


@register.inclusion_tag("accounts/_identity_provider_tabs.html", takes_context=True)
def identity_provider_tabs(context: Context, provider: IdentityProvider) -> dict[str, Any]:
    """The tabs of an identity provider whose permission the viewer holds; the one whose page this is says so."""
    request = context["request"]
    tabs = []
    for tab in sorted(registry.identity_provider_tabs, key=lambda tab: tab.order):
        if request.user.has_perm(tab.permission):
            url = reverse(tab.url_name, args=[provider.slug])
            tabs.append({"label": tab.label, "url": url, "here": url == request.path})
    return {"tabs": tabs, "provider": provider}


def _doors(url_name: str, providers: Any, wanted: str) -> dict[str, Any]:
    query = urlencode({"next": wanted})
    return {
        "doors": [{"name": each.name, "url": f"{reverse(url_name, args=[each.slug])}?{query}"} for each in providers]
    }
