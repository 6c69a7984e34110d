"""The door to identity providers and back: signing in, connecting one's account, proving oneself anew."""

from __future__ import annotations

import structlog
from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import actions, arrival
from accounts.actions.identity import NotLetIn, arrive, record_not_let_in
from accounts.actions.identity_provider import client_of, note_trouble
from accounts.actions.session import row_of
from accounts.http import HtmxHttpRequest, wanted_page
from accounts.models import Identity, IdentityProvider, User
from accounts.obstacles import ALL_OBSTACLES
from accounts.oidc import flow, kept
from accounts.oidc.claims import Vouched
from accounts.oidc.errors import OidcError
from accounts.sessions import SessionStore
from settings_store import limits
from settings_store.circumstances import current
from settings_store.database import close_connections
from ui.guard import STEP_UP_SESSION_KEY, public, signed_in

# Each beginning leaves a session of nobody behind, and may ask the provider something.
BEGINNINGS, BEGINNING_SECONDS = 300, 600

logger = structlog.get_logger(__name__)


@public
@require_safe
def oidc_begin(request: HttpRequest, slug: str) -> HttpResponse:
    """Send somebody to a provider to sign in; a link, because a form may not lead to another site."""
    provider = get_object_or_404(IdentityProvider.objects.enabled(), slug=slug)
    if request.user.is_authenticated:
        return redirect(wanted_page(request))
    return _leave(request, provider, kept.SIGN_IN, wanted_page(request))


@signed_in(step_up=True)
@require_safe
def identity_connect(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    """Send somebody to a provider to connect their account there with the one here."""
    provider = get_object_or_404(IdentityProvider.objects.enabled(), slug=slug)
    return _leave(request, provider, kept.CONNECT, reverse("accounts:identity_confirm", args=[slug]))


@signed_in(before=ALL_OBSTACLES, in_person=True)
@require_safe
def step_up_with(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    """Send somebody to a provider they are connected with, to prove themselves there anew."""
    provider = get_object_or_404(IdentityProvider.objects.enabled(), slug=slug, identities__user=request.user)
    return _leave(request, provider, kept.STEP_UP, wanted_page(request))


@public
@require_safe
def oidc_back(request: HttpRequest, slug: str) -> HttpResponse:
    """Where a provider sends people back to, with an answer that this browser must have asked for."""
    provider = get_object_or_404(IdentityProvider.objects.enabled(), slug=slug)
    errand = kept.take(request.session, slug, request.GET.get("state", ""))
    if errand is None:
        return _refuse(request, kept.SIGN_IN, str(kept.TROUBLES[kept.UNASKED]), word=kept.UNASKED)
    answer = {name: request.GET[name] for name in ("code", "error", "iss") if name in request.GET}
    try:
        vouched = _ask(provider, errand, answer)
    except OidcError as failure:
        _note(provider, failure)
        return _refuse(request, errand.purpose, failure.sentence, errand.next)
    note_trouble(provider, "")
    match errand.purpose:
        case kept.CONNECT if request.user.is_authenticated and getattr(request, "impersonator", None) is None:
            kept.keep_connecting(request.session, slug, vouched.subject, vouched.email)
            return redirect(errand.next)
        case kept.STEP_UP if isinstance(request.user, User) and getattr(request, "impersonator", None) is None:
            return _step_up(request, request.user, provider, vouched, errand.next)
        case kept.SIGN_IN:
            return _let_in(request, provider, vouched, errand.next)
    return _refuse(request, kept.SIGN_IN, _("You were signed out in the meantime. Sign in and begin again."))


def _ask(provider: IdentityProvider, errand: kept.Errand, answer: dict[str, str]) -> Vouched:
    client = client_of(provider)
    # A provider may be silent for a while, and a connection held meanwhile is one that pages lack.
    close_connections()
    return async_to_sync(flow.finish)(client, errand.asked, answer)


def _leave(request: HttpRequest, provider: IdentityProvider, purpose: str, wanted: str) -> HttpResponse:
    if not limits.reserve("accounts.oidc.begin", current().source, limit=BEGINNINGS, seconds=BEGINNING_SECONDS).allowed:
        return _refuse(request, purpose, str(kept.TROUBLES[kept.TOO_MANY]), wanted, word=kept.TOO_MANY)
    # Back to the address at which this browser knows the house: its session is known nowhere else.
    back = request.build_absolute_uri(reverse("oidc_back", args=[provider.slug]))
    try:
        client = client_of(provider)
        close_connections()
        url, state, asked = async_to_sync(flow.begin)(client, redirect_uri=back, afresh=purpose == kept.STEP_UP)
    except OidcError as failure:
        _note(provider, failure)
        return _refuse(request, purpose, failure.sentence, wanted)
    # Each leaves a session of nobody behind; more of those that are over are cleared than come.
    SessionStore.sweep()
    kept.keep(request.session, provider.slug, state, kept.Errand(purpose, wanted, asked))
    return redirect(url)


def _let_in(request: HttpRequest, provider: IdentityProvider, vouched: Vouched, wanted: str) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(wanted)
    try:
        user = arrive(provider=provider, vouched=vouched)
    except NotLetIn as refusal:
        record_not_let_in(provider=provider, user=refusal.user)
        return _refuse(request, kept.SIGN_IN, refusal.sentence, wanted)
    response = arrival.welcome(request, user, by=provider.slug, next_url=wanted)
    if STEP_UP_SESSION_KEY in request.session:
        # Somebody who has long been signed in there proved nothing just now, whoever sits before the screen; so has
        # whoever comes from a provider that does not say when they did.
        request.session[STEP_UP_SESSION_KEY] = min(request.session[STEP_UP_SESSION_KEY], vouched.auth_time or 0)
    return response


def _step_up(
    request: HttpRequest, user: User, provider: IdentityProvider, vouched: Vouched, wanted: str
) -> HttpResponse:
    identities = Identity.objects.filter(user=user, provider=provider)
    if not any(identity.subject == vouched.subject for identity in identities):
        return _refuse(request, kept.STEP_UP, _("That is somebody else's account at the provider."), wanted)
    actions.step_up(request=request, user=user, by=provider.slug)
    return redirect(wanted)


def _refuse(
    request: HttpRequest, purpose: str, sentence: str, wanted: str = "", *, word: str = kept.FAILED
) -> HttpResponse:
    """Back to where they came from, with one sentence; where there is no session to keep it, `word` stands for it."""
    signed_in_already = request.user.is_authenticated
    if purpose == kept.CONNECT and signed_in_already:
        messages.error(request, sentence)
        return redirect("accounts:profile_security")
    query = {"next": wanted} if wanted else {}
    if row_of(request) is None:
        query["trouble"] = word
    else:
        request.session[kept.TROUBLE_KEY] = sentence
    door = reverse("step_up" if purpose == kept.STEP_UP and signed_in_already else "login")
    return redirect(f"{door}?{urlencode(query)}" if query else door)


def _note(provider: IdentityProvider, failure: OidcError) -> None:
    logger.warning("identity_provider_failed", provider=provider.slug, trouble=failure.trouble, detail=failure.detail)
    if failure.trouble:
        note_trouble(provider, failure.trouble)
