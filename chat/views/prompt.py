"""Pages of system prompts."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.actions.prompt import create_prompt, delete_prompt, make_prompt_default, update_prompt
from chat.forms.prompt import PromptDeleteForm, PromptForm
from chat.models import SystemPrompt
from settings_store.trail.pages import history
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires
from ui.keyset import paginate


@requires("prompts.read")
@require_safe
def prompt_list(request: HtmxHttpRequest) -> HttpResponse:
    page = paginate(
        SystemPrompt.objects.live().select_related("updated_by"),
        request,
        order={"name": ("name_key",), "updated": ("-updated_at",)},
        default="name",
    )
    return render(request, "chat/prompt_list.html", {"page": page})


@requires("prompts.read")
@require_safe
def prompt_detail(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    prompt = _prompt_or_404(public_id)
    return render(request, "chat/prompt_detail.html", {"prompt": prompt})


@requires("audit.read", also="prompts.read")
@require_safe
def prompt_history(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """What the trail says about one prompt, for those who may see it."""
    prompt = _prompt_or_404(public_id)
    context = {"prompt": prompt, **history(request, "chat.systemprompt", str(prompt.public_id))}
    return render(request, "chat/prompt_history.html", context)


@requires("prompts.write")
@require_page_methods
def prompt_create(request: HtmxHttpRequest) -> HttpResponse:
    form = PromptForm(posted(request))
    if form.is_valid():
        try:
            prompt = create_prompt(actor=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Prompt “%(name)s” was added.") % {"name": prompt.name})
            return redirect("chat:prompt_list")
    return render(request, "chat/prompt_edit.html", {"form": form}, status=form_status(form))


@requires("prompts.write")
@require_page_methods
def prompt_edit(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    prompt = _prompt_or_404(public_id)
    initial = {"name": prompt.name, "description": prompt.description, "content": prompt.content}
    form = PromptForm(posted(request), initial=initial)
    if form.is_valid():
        try:
            update_prompt(actor=request.user, prompt=prompt, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Prompt saved."))
            return redirect("chat:prompt_detail", prompt.public_id)
    return render(request, "chat/prompt_edit.html", {"form": form, "prompt": prompt}, status=form_status(form))


@requires("prompts.write")
@require_POST
def prompt_make_default(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    prompt = _prompt_or_404(public_id)
    try:
        make_prompt_default(actor=request.user, prompt=prompt)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("New conversations begin with “%(name)s” now.") % {"name": prompt.name})
    return redirect("chat:prompt_list")


@requires("prompts.delete")
@require_page_methods
def prompt_delete(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    prompt = _prompt_or_404(public_id)
    form = PromptDeleteForm(posted(request), prompt=prompt)
    if form.is_valid():
        try:
            delete_prompt(actor=request.user, prompt=prompt, new_default=form.cleaned_data.get("new_default"))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Prompt “%(name)s” was deleted.") % {"name": prompt.name})
            return redirect("chat:prompt_list")
    return render(request, "chat/prompt_delete.html", {"form": form, "prompt": prompt}, status=form_status(form))


def _prompt_or_404(public_id: UUID) -> SystemPrompt:
    return get_object_or_404(SystemPrompt.objects.live().select_related("updated_by"), public_id=public_id)
