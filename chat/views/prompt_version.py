"""Versions of a prompt: what it said, who said so and why, what changed between any two, and the way back."""

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
from chat.actions.prompt import restore_prompt_version
from chat.diff import is_changed, rows_of
from chat.models import PromptVersion, SystemPrompt
from chat.views.prompt import prompt_or_404
from ui.forms import sentence_of
from ui.guard import requires
from ui.keyset import paginate

PER_PAGE = 20
# As many are offered to compare; older ones by the address of their own page.
CHOICES = 200


@requires("prompts.read")
@require_safe
def prompt_versions(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """All versions, and above them two of them beside each other: at first the last change."""
    prompt = prompt_or_404(request, public_id)
    page = paginate(
        prompt.versions.select_related("created_by"),
        request,
        order={"number": ("-number",)},
        default="number",
        per_page=PER_PAGE,
    )
    old, new = _asked(request, "old", prompt.version - 1), _asked(request, "new", prompt.version)
    context: dict[str, Any] = {"prompt": prompt, "page": page, "old": old, "new": new}
    context |= _compared(prompt, old, new)
    return render(request, "chat/prompt_versions.html", context)


@requires("prompts.read")
@require_safe
def prompt_version(request: HtmxHttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """One version as it was, and what has changed since."""
    prompt = prompt_or_404(request, public_id)
    version = get_object_or_404(prompt.versions.select_related("created_by"), number=number)
    rows = rows_of(version.content, prompt.content)
    context = {"prompt": prompt, "version": version, "rows": rows if is_changed(rows) else []}
    return render(request, "chat/prompt_version.html", context)


@requires("prompts.write")
@require_POST
def prompt_restore(request: HtmxHttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """Make a new version that says what this one said."""
    prompt = prompt_or_404(request, public_id)
    get_object_or_404(prompt.versions, number=number)
    try:
        restored = restore_prompt_version(actor=request.user, prompt=prompt, number=number)
    except ValidationError as error:
        messages.error(request, sentence_of(error))
        return redirect("chat:prompt_version", public_id, number)
    if restored.version == prompt.version:
        messages.info(request, _("Version %(number)s says what the prompt says now.") % {"number": number})
    else:
        words = _("Version %(old)s counts again, as version %(new)s.")
        messages.success(request, words % {"old": number, "new": restored.version})
    return redirect("chat:prompt_detail", public_id)


def _asked(request: HtmxHttpRequest, name: str, otherwise: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _compared(prompt: SystemPrompt, old: int, new: int) -> dict[str, Any]:
    """Both versions by line where both are there, and the numbers to choose from."""
    numbers = list(prompt.versions.order_by("-number").values_list("number", flat=True)[:CHOICES])
    found = {version.number: version for version in PromptVersion.objects.filter(prompt=prompt, number__in=(old, new))}
    numbers += sorted(found.keys() - set(numbers), reverse=True)
    if old not in found or new not in found:
        return {"numbers": numbers, "rows": None}
    rows = rows_of(found[old].content, found[new].content)
    return {"numbers": numbers, "rows": rows, "is_changed": is_changed(rows)}
