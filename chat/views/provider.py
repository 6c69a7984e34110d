"""Pages of model servers."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.actions.provider import (
    create_provider,
    delete_provider,
    set_provider_enabled,
    update_provider,
)
from chat.actions.provider_check import check_provider, trial_endpoint, try_endpoint
from chat.choices import CHOOSER_ORDER, default_model, usable_models
from chat.forms.provider import ProviderDeleteForm, ProviderForm, ProviderTrialForm
from chat.health import hours_of
from chat.models import Model, Provider
from chat.sections import section_of
from chat.views.model import wanted
from settings_store.store import get_setting
from ui.forms import ask_step_up_first, form_status, posted, require_page_methods
from ui.guard import requires, stepped_up

# What a form of a server is filled with; never its key.
SHOWN_AGAIN = ("name", "base_url", "allow_private", "silence_seconds", "parallel_limit")


@requires("models.read")
@require_safe
def provider_list(request: HtmxHttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()[:200]
    chooser = list(usable_models())
    places = {model.pk: number for number, model in enumerate(chooser, start=1)}
    models = Model.objects.order_by("-is_present", "-is_enabled", *CHOOSER_ORDER).prefetch_related("roles")
    providers = Provider.objects.order_by("is_demo", "name_key").prefetch_related(Prefetch("models", models))
    hours = hours_of([provider.pk for provider in providers])
    sections = [section_of(provider, hours[provider.pk], words, places) for provider in providers]
    context = {
        "sections": [section for section in sections if section.lines or not words],
        "has_servers": bool(sections),
        "words": words,
        "default": default_model(chooser),
        "currency": get_setting("chat.currency"),
    }
    return render(request, "chat/provider_list.html", context)


# A fresh password is asked for: who can move an address can have a key sent to it.
@requires("models.write", step_up=True)
@require_page_methods
@sensitive_post_parameters("key")
def provider_create(request: HtmxHttpRequest) -> HttpResponse:
    form = ProviderForm(posted(request))
    if form.is_valid():
        try:
            provider = create_provider(actor=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            _check(request, provider)
            return redirect("chat:provider_list")
    return render(request, "chat/provider_edit.html", {"form": form}, status=form_status(form))


@requires("models.write", step_up=True)
@require_page_methods
@sensitive_post_parameters("key")
def provider_edit(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    provider = get_object_or_404(Provider, public_id=public_id)
    initial = {name: getattr(provider, name) for name in SHOWN_AGAIN}
    form = ProviderForm(posted(request), provider=provider, initial=initial)
    if form.is_valid():
        try:
            update_provider(actor=request.user, provider=provider, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            _check(request, Provider.objects.get(pk=provider.pk))
            return redirect("chat:provider_list")
    return render(request, "chat/provider_edit.html", {"form": form, "provider": provider}, status=form_status(form))


# Not sent away for a fresh password, which would lose all that was typed: the answer asks for it beside the button.
@requires("models.write", in_person=True)
@require_POST
@sensitive_post_parameters("key")
def provider_try(request: HtmxHttpRequest, public_id: UUID | None = None) -> HttpResponse:
    provider = get_object_or_404(Provider, public_id=public_id) if public_id else None
    form, said = ProviderTrialForm(request.POST, provider=provider), None
    if form.is_valid() and not stepped_up(request):
        ask_step_up_first(request, form)
    if form.is_valid():
        try:
            said = try_endpoint(trial_endpoint(actor=request.user, provider=provider, **form.where()))
        except ValidationError as error:
            form.add_error(None, error)
    context: dict[str, object] = {"said": said, "trial": form, "provider": provider}
    if request.htmx:
        return render(request, "chat/provider_edit.html#answer", context, status=form_status(form))
    typed = {name: request.POST.get(name, "") for name in SHOWN_AGAIN}
    context["form"] = ProviderForm(provider=provider, initial=typed)
    context["key_is_lost"] = bool(request.POST.get("key"))
    return render(request, "chat/provider_edit.html", context, status=form_status(form))


@requires("models.write")
@require_POST
def provider_check(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    _check(request, get_object_or_404(Provider, public_id=public_id))
    return redirect("chat:provider_list")


@requires("models.write")
@require_POST
def provider_toggle(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    provider = get_object_or_404(Provider, public_id=public_id)
    try:
        set_provider_enabled(actor=request.user, provider=provider, is_enabled=wanted(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("chat:provider_list")


@requires("models.write", step_up=True)
@require_page_methods
def provider_delete(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    provider = get_object_or_404(Provider, public_id=public_id)
    form = ProviderDeleteForm(posted(request), provider=provider)
    if form.is_valid():
        try:
            delete_provider(actor=request.user, provider=provider)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Server “%(name)s” was deleted.") % {"name": provider.name})
            return redirect("chat:provider_list")
    return render(request, "chat/provider_delete.html", {"form": form, "provider": provider}, status=form_status(form))


def _check(request: HtmxHttpRequest, provider: Provider) -> None:
    try:
        trouble = check_provider(actor=request.user, provider=provider)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return
    names = {"name": provider.name, "trouble": trouble}
    if trouble:
        messages.warning(request, _("%(name)s: %(trouble)s") % names)
        return
    found = provider.models.filter(is_present=True).count()
    messages.success(request, _("%(name)s answers. Models found: %(found)d.") % {**names, "found": found})
