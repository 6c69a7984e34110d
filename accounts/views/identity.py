"""Pages of identity providers, and of the connections with them on one's own profile."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.actions.identity import NotLetIn, connect_identity, disconnect_identity
from accounts.actions.identity_provider import (
    FIELDS,
    check_issuer,
    create_identity_provider,
    delete_identity_provider,
    note_trouble,
    set_identity_provider_enabled,
    update_identity_provider,
)
from accounts.forms.identity import IdentityProviderDeleteForm, IdentityProviderForm
from accounts.http import HtmxHttpRequest
from accounts.models import Identity, IdentityProvider
from accounts.oidc import kept
from accounts.oidc.errors import OidcError
from accounts.ways_in import stranded_without
from settings_store.trail.pages import history
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires, signed_in


@requires("identities.read")
@require_safe
def identity_provider_list(request: HtmxHttpRequest) -> HttpResponse:
    providers = IdentityProvider.objects.annotate(people=Count("identities")).order_by("name", "pk")
    return render(request, "accounts/identity_provider_list.html", {"providers": providers})


@requires("identities.read")
@require_safe
def identity_provider_detail(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    provider = _provider(slug)
    context = {"provider": provider, "people": provider.identities.count(), "back": _back(request, slug)}
    return render(request, "accounts/identity_provider_detail.html", context)


@requires("audit.read", also="identities.read")
@require_safe
def identity_provider_history(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    provider = _provider(slug)
    found = history(request, "accounts.identityprovider", str(provider.public_id))
    return render(request, "accounts/identity_provider_history.html", {"provider": provider, **found})


@requires("identities.write", step_up=True)
@require_page_methods
@sensitive_post_parameters("secret")
def identity_provider_create(request: HtmxHttpRequest) -> HttpResponse:
    form = IdentityProviderForm(posted(request))
    if "check" in request.POST:
        return _checked(request, form, None)
    if form.is_valid():
        try:
            provider = create_identity_provider(actor=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            _look(request, provider)
            return redirect("accounts:identity_provider_detail", provider.slug)
    return _edit_page(request, form, None)


@requires("identities.write", step_up=True)
@require_page_methods
@sensitive_post_parameters("secret")
def identity_provider_edit(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    provider = _provider(slug)
    initial = {name: getattr(provider, name) for name in FIELDS}
    form = IdentityProviderForm(posted(request), provider=provider, initial=initial)
    if "check" in request.POST:
        return _checked(request, form, provider)
    if form.is_valid():
        try:
            provider = update_identity_provider(actor=request.user, provider=provider, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            _look(request, provider)
            return redirect("accounts:identity_provider_detail", slug)
    return _edit_page(request, form, provider)


@requires("identities.write")
@require_POST
def identity_provider_check(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    _look(request, _provider(slug))
    return redirect("accounts:identity_provider_detail", slug)


@requires("identities.write", step_up=True)
@require_POST
def identity_provider_toggle(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    # The state asked for, not "the other one": pressed twice, a switch stays where it was put.
    wanted = request.POST.get("enabled") == "1"
    try:
        set_identity_provider_enabled(actor=request.user, provider=_provider(slug), is_enabled=wanted)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("accounts:identity_provider_detail", slug)


@requires("identities.write", step_up=True)
@require_page_methods
def identity_provider_delete(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    provider = _provider(slug)
    people = provider.identities.count()
    form = IdentityProviderDeleteForm(posted(request), provider=provider, people=people)
    if form.is_valid():
        try:
            delete_identity_provider(actor=request.user, provider=provider, people=form.cleaned_data["people"])
        except ValidationError as error:
            # Sent again, it carries the number that is told now.
            form.data = {**form.data.dict(), "people": str(people)}  # type: ignore[attr-defined]  # a QueryDict
            form.add_error(None, error)
        else:
            messages.success(request, _("“%(name)s” was deleted.") % {"name": provider.name})
            return redirect("accounts:identity_provider_list")
    context = {
        "form": form,
        "provider": provider,
        "people": people,
        "stranded": stranded_without(provider),
    }
    return render(request, "accounts/identity_provider_delete.html", context, status=form_status(form))


@signed_in(step_up=True)
@require_page_methods
def identity_confirm(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    """Ask whether the account proved at the provider is really theirs: who lured them there cannot say yes for them."""
    provider = get_object_or_404(IdentityProvider.objects.enabled(), slug=slug)
    proved = kept.connecting(request.session, slug)
    if proved is None:
        messages.error(request, _("That took too long. Connect it again."))
        return redirect(_home())
    subject, email = proved
    if request.method == "POST":
        del request.session[kept.CONNECTING_KEY]
        try:
            connect_identity(actor=request.user, provider=provider, subject=subject, email=email)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        except NotLetIn:
            messages.error(request, _("This provider was deleted in the meantime."))
        else:
            messages.success(request, _("You can sign in with %(name)s now.") % {"name": provider})
        return redirect(_home())
    context = {"provider": provider, "subject": subject, "email": email}
    return render(request, "accounts/identity_confirm.html", context)


@signed_in(step_up=True)
@require_page_methods
def identity_disconnect(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    identity = get_object_or_404(Identity.objects.select_related("provider"), user=request.user, provider__slug=slug)
    error = ""
    if request.method == "POST":
        try:
            disconnect_identity(actor=request.user, identity=identity, keep=request.session.row)
        except ValidationError as refusal:
            error = " ".join(refusal.messages)
        else:
            messages.success(
                request,
                _("%(name)s no longer signs you in. All your other sessions are signed out.")
                % {"name": identity.provider},
            )
            return redirect(_home())
    context = {"identity": identity, "error": error}
    return render(request, "accounts/identity_disconnect.html", context, status=409 if error else 200)


def _provider(slug: str) -> IdentityProvider:
    return get_object_or_404(IdentityProvider, slug=slug)


def _home() -> str:
    """The page of one's own profile that shows what one is connected with."""
    return reverse("accounts:profile_security")


def _back(request: HtmxHttpRequest, slug: str) -> str:
    return request.build_absolute_uri(reverse("oidc_back", args=[slug]))


def _edit_page(
    request: HtmxHttpRequest, form: IdentityProviderForm, provider: IdentityProvider | None, **more: Any
) -> HttpResponse:
    context = {
        "form": form,
        "provider": provider,
        "back": _back(request, provider.slug if provider else "SHORT-NAME"),
        **more,
    }
    return render(request, "accounts/identity_provider_edit.html", context, status=form_status(form))


def _checked(request: HtmxHttpRequest, form: IdentityProviderForm, provider: IdentityProvider | None) -> HttpResponse:
    """What the provider at its issuer says of itself, with the form again where no script puts it there."""
    form.full_clean()
    issuer = form.cleaned_data.get("issuer")
    found, trouble = None, ""
    if issuer:
        try:
            metadata, keys = check_issuer(issuer, allow_private=form.cleaned_data["allow_private"])
        except OidcError as failure:
            trouble = failure.trouble
        else:
            found = {"metadata": metadata, "keys": keys}
    if request.htmx:
        context = {"form": form, "found": found, "trouble": trouble}
        return render(request, "accounts/identity_provider_edit.html#answer", context)
    return _edit_page(request, form, provider, found=found, trouble=trouble)


def _look(request: HtmxHttpRequest, provider: IdentityProvider) -> None:
    """Ask the provider for what it says of itself, and tell and keep how that ended."""
    try:
        _metadata, keys = check_issuer(provider.issuer, allow_private=provider.allow_private)
    except OidcError as failure:
        note_trouble(provider, failure.trouble)
        messages.warning(request, f"{provider}: {failure.trouble}")
        return
    note_trouble(provider, "")
    words = ngettext(
        "%(name)s answers, and signs with %(count)d key.", "%(name)s answers, and signs with %(count)d keys.", keys
    )
    messages.success(request, words % {"name": provider, "count": keys})
