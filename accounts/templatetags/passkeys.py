"""What a page needs that offers to use a passkey: where its answer goes, or why none can work here."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.http import wanted_page
from accounts.webauthn import Hindrance, hindrance
from settings_store.store import get_setting

register = template.Library()


@dataclass(frozen=True, slots=True)
class Way:
    """How the page at hand takes a passkey: what to ask the browser, and where to send what it answers."""

    label: str
    options_url: str
    answer_url: str
    next: str = ""
    # Offered among what the browser fills in, without a click.
    fills_in: bool = False
    # Where the person may ask to be spared the second step.
    remembers: bool = False


@register.simple_tag(takes_context=True)
def passkey_way(context: Context) -> Way | None:
    """The way for this page: sign in, the second step, or proving oneself again; None where it is switched off."""
    request: HttpRequest = context["request"]
    page = request.resolver_match.url_name if request.resolver_match else ""
    wanted = wanted_page(request)
    if request.user.is_authenticated:
        return Way(_("Use a passkey"), reverse("step_up_passkey_options"), reverse("step_up_passkey"), wanted)
    options = reverse("login_passkey_options")
    if page == "login_factor":
        return Way(_("Use a passkey"), options, reverse("login_factor_passkey"), remembers=True)
    if not get_setting("accounts.second_factor.passkey_sign_in"):
        return None
    return Way(_("Sign in with a passkey"), options, reverse("login_passkey"), wanted, fills_in=True)


@register.simple_tag(takes_context=True)
def passkey_hindrance(context: Context) -> Hindrance | None:
    """Why no passkey can work at the address of this page; None where one can."""
    return hindrance(context["request"])
