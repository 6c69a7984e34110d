"""Pages of single models, and the order in which people choose from them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.actions.model import move_model, set_model_enabled, set_models_enabled, update_model
from chat.choices import default_model, usable_models
from chat.forms.model import ModelForm
from chat.models import Model, Provider
from chat.sections import is_found
from settings_store.store import get_setting
from ui.forms import form_status, posted, require_page_methods, uuid_of
from ui.guard import requires


@dataclass(frozen=True, slots=True)
class Line:
    """A model in the order, and before which one each of its buttons puts it; nothing is last."""

    model: Model
    first: str
    above: str
    below: str


@requires("models.write")
@require_page_methods
def model_edit(request: HtmxHttpRequest, public_id: UUID, model_id: UUID) -> HttpResponse:
    model = _model(public_id, model_id)
    form = ModelForm(posted(request), model=model)
    if form.is_valid():
        try:
            update_model(actor=request.user, model=model, facts=form.facts())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("“%(name)s” was saved.") % {"name": form.cleaned_data["label"] or model.name})
            return redirect("chat:provider_list")
    context = {"form": form, "model": model, "currency": get_setting("chat.currency")}
    return render(request, "chat/model_edit.html", context, status=form_status(form))


@requires("models.write")
@require_POST
def model_toggle(request: HtmxHttpRequest, public_id: UUID, model_id: UUID) -> HttpResponse:
    model = _model(public_id, model_id)
    try:
        set_model_enabled(actor=request.user, model=model, is_enabled=wanted(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return _back_to_list(request, f"model-{model.public_id}")


@requires("models.write")
@require_POST
def models_toggle(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """All models of a server at once, or those that the search on the page shows."""
    provider = get_object_or_404(Provider, public_id=public_id)
    models = [model for model in provider.models.filter(is_present=True) if is_found(model, _words(request))]
    is_enabled = wanted(request)
    try:
        number = set_models_enabled(actor=request.user, provider=provider, models=models, is_enabled=is_enabled)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _switched(number, is_enabled=is_enabled))
    return _back_to_list(request, f"server-{provider.public_id}")


@requires("models.read")
@require_safe
def model_order(request: HtmxHttpRequest) -> HttpResponse:
    chooser = list(usable_models())
    lines = _lines([model for model in chooser if not model.provider.is_demo])
    context = {"lines": lines, "default": default_model(chooser), "has_demo": len(lines) < len(chooser)}
    return render(request, "chat/model_order.html", context)


@requires("models.write")
@require_POST
def model_move(request: HtmxHttpRequest, public_id: UUID, model_id: UUID) -> HttpResponse:
    """Right before the model that is named, or last: sent twice, a model stays where it was put."""
    model = _model(public_id, model_id)
    named = request.POST.get("before", "")
    before = Model.objects.filter(public_id__in=filter(None, [uuid_of(named)])).first()
    if named and before is None:
        messages.error(request, _("The model next to it was deleted in the meantime. Look at the order again."))
        return redirect("chat:model_order")
    try:
        move_model(actor=request.user, model=model, before=before)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(f"{reverse('chat:model_order')}#model-{model.public_id}")


def wanted(request: HtmxHttpRequest) -> bool:
    """The state asked for, not "the other one": pressed twice, a switch stays where it was put."""
    return request.POST.get("enabled") == "1"


def _model(public_id: UUID, model_id: UUID) -> Model:
    """A model through its server, for whoever may see it at all."""
    found = Model.objects.select_related("provider").filter(public_id=model_id, provider__public_id=public_id).first()
    if found is None:
        raise Http404
    return found


def _lines(models: list[Model]) -> list[Line]:
    names = [str(model.public_id) for model in models]
    # Two places on, because the model itself leaves its own; beyond the end stands nothing, which is last.
    return [
        Line(model, first=names[0], above=names[max(0, at - 1)], below=next(iter(names[at + 2 :]), ""))
        for at, model in enumerate(models)
    ]


def _words(request: HtmxHttpRequest) -> str:
    return request.POST.get("q", "").strip()[:200]


def _back_to_list(request: HtmxHttpRequest, place: str) -> HttpResponse:
    words = _words(request)
    query = f"?{urlencode({'q': words})}" if words else ""
    return redirect(f"{reverse('chat:provider_list')}{query}#{place}")


def _switched(number: int, *, is_enabled: bool) -> str:
    if not number:
        return _("All of them are as you want them already.")
    if is_enabled:
        return ngettext("%(number)d model is offered now.", "%(number)d models are offered now.", number) % {
            "number": number
        }
    return ngettext("%(number)d model is offered no more.", "%(number)d models are offered no more.", number) % {
        "number": number
    }
