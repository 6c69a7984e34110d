"""Pages of system prompts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.actions.prompt import (
    StalePrompt,
    create_prompt,
    delete_prompt,
    make_prompt_default,
    state_of,
    update_prompt,
)
from chat.diff import rows_of
from chat.forms.prompt import PromptDeleteForm, PromptForm
from chat.models import SystemPrompt
from chat.prompts import matching, uses_of
from settings_store.trail.pages import history
from ui.forms import form_status, posted, require_page_methods, sentence_of
from ui.guard import requires
from ui.keyset import paginate


@requires("prompts.read")
@require_safe
def prompt_list(request: HtmxHttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").replace("\0", "").strip()[:200]
    page = paginate(
        matching(SystemPrompt.objects.usable_by(request.user), search)
        .select_related("updated_by")
        .prefetch_related("roles"),
        request,
        order={"name": ("name_key",), "updated": ("-updated_at",)},
        default="name",
    )
    # How much is said under a prompt is for those who write it.
    uses = uses_of(page.rows) if request.user.has_perm("prompts.write") else {}
    lines = [(prompt, uses.get(prompt.pk)) for prompt in page.rows]
    return render(request, "chat/prompt_list.html", {"page": page, "lines": lines, "search": search})


@requires("prompts.read")
@require_safe
def prompt_detail(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    prompt = prompt_or_404(request, public_id)
    context: dict[str, Any] = {"prompt": prompt, "roles": prompt.roles.by_rank() if not prompt.for_everybody else []}
    if request.user.has_perm("prompts.write"):
        context["use"] = uses_of([prompt])[prompt.pk]
    return render(request, "chat/prompt_detail.html", context)


@requires("audit.read", also="prompts.read")
@require_safe
def prompt_history(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """What the trail says about one prompt, for those who may see it."""
    prompt = prompt_or_404(request, public_id)
    context = {"prompt": prompt, **history(request, "chat.systemprompt", str(prompt.public_id))}
    return render(request, "chat/prompt_history.html", context)


@requires("prompts.write")
@require_page_methods
def prompt_create(request: HtmxHttpRequest) -> HttpResponse:
    form = PromptForm(posted(request))
    if form.is_valid():
        try:
            prompt = create_prompt(actor=request.user, **form.given())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Prompt “%(name)s” was added.") % {"name": prompt.name})
            return redirect("chat:prompt_list")
    return render(request, "chat/prompt_edit.html", {"form": form}, status=form_status(form))


@requires("prompts.write")
@require_page_methods
def prompt_edit(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """Change a prompt; a text that is only carried here stands in the form and is not saved yet."""
    prompt = prompt_or_404(request, public_id)
    if "carry" in request.POST:
        form = PromptForm(prompt=prompt, content=request.POST.get("content", ""))
        return render(request, "chat/prompt_edit.html", {"form": form, "prompt": prompt, "carried": True})
    form = PromptForm(posted(request), prompt=prompt)
    if form.is_valid():
        try:
            saved = update_prompt(actor=request.user, prompt=prompt, seen=form.cleaned_data["seen"], **form.given())
        except StalePrompt as stale:
            return _stale(request, form, stale.prompt)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _said(prompt, saved))
            return redirect("chat:prompt_detail", prompt.public_id)
    return render(request, "chat/prompt_edit.html", {"form": form, "prompt": prompt}, status=form_status(form))


@requires("prompts.write")
@require_POST
def prompt_make_default(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    prompt = prompt_or_404(request, public_id)
    try:
        make_prompt_default(actor=request.user, prompt=prompt)
    except ValidationError as error:
        messages.error(request, sentence_of(error))
    else:
        messages.success(request, _("New conversations begin with “%(name)s” now.") % {"name": prompt.name})
    return redirect("chat:prompt_list")


@requires("prompts.delete")
@require_page_methods
def prompt_delete(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    prompt = prompt_or_404(request, public_id)
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


def prompt_or_404(request: HtmxHttpRequest, public_id: UUID) -> SystemPrompt:
    """A prompt that this person may use, or write; any other does not exist for them."""
    prompts = SystemPrompt.objects.usable_by(request.user).select_related("updated_by")
    return get_object_or_404(prompts, public_id=public_id)


def _said(before: SystemPrompt, saved: SystemPrompt) -> str:
    if saved.version == before.version:
        return _("Prompt saved.")
    return _("Saved as version %(number)s.") % {"number": saved.version}


def _stale(request: HtmxHttpRequest, form: PromptForm, theirs: SystemPrompt) -> HttpResponse:
    # Sent once more, the form now says that the newer state was seen.
    sent = request.POST.copy()
    sent["seen"] = state_of(theirs)
    form.data = sent
    context = {
        "form": form,
        "prompt": theirs,
        "stale": True,
        "rows": rows_of(theirs.content, form.cleaned_data["content"]),
    }
    return render(request, "chat/prompt_edit.html", context, status=409)
