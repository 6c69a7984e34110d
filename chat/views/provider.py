"""Pages of model servers and their models."""

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
    check_provider,
    create_provider,
    delete_provider,
    set_model_enabled,
    set_provider_enabled,
    update_provider,
)
from chat.forms.provider import ProviderDeleteForm, ProviderForm
from chat.models import Model, Provider
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires


@requires("models.read")
@require_safe
def provider_list(request: HtmxHttpRequest) -> HttpResponse:
    models = Prefetch("models", Model.objects.order_by("-is_present", "name"))
    return render(
        request, "chat/provider_list.html", {"providers": Provider.objects.order_by("name").prefetch_related(models)}
    )


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
    initial = {"name": provider.name, "base_url": provider.base_url, "allow_private": provider.allow_private}
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
        set_provider_enabled(actor=request.user, provider=provider, is_enabled=_wanted(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("chat:provider_list")


@requires("models.write")
@require_POST
def model_toggle(request: HtmxHttpRequest, public_id: UUID, model_id: UUID) -> HttpResponse:
    model = get_object_or_404(Model, public_id=model_id, provider__public_id=public_id)
    try:
        set_model_enabled(actor=request.user, model=model, is_enabled=_wanted(request))
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


def _wanted(request: HtmxHttpRequest) -> bool:
    """The state asked for, not "the other one": pressed twice, a switch stays where it was put."""
    return request.POST.get("enabled") == "1"
