"""/prompts/<id>/try/: one message to one model under two texts of a prompt, side by side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.http import HtmxHttpRequest
from chat.forms.prompt import DRAFT, PromptTryForm
from chat.models import SystemPrompt
from chat.trying import Answer, Trial, answers, trial_of, whole_answers
from chat.views.prompt import prompt_or_404
from settings_store.database import close_connections
from ui.forms import form_status, require_page_methods
from ui.guard import requires

# Versions older than these are tried by way of restoring their text into the form.
CHOICES = 100
SIDES = ("left", "right")
LINES = "application/x-ndjson"


@requires("prompts.write")
@require_page_methods
async def prompt_try(request: HtmxHttpRequest, public_id: UUID) -> HttpResponseBase:
    """The page; posted, both answers as they come to a script that asks for lines, else the page with both of them."""
    trial, context = await sync_to_async(_begin)(request, public_id)
    if trial is None:
        return await sync_to_async(_page)(request, context)
    if request.headers.get("Accept") == LINES:
        return StreamingHttpResponse(
            _lines(trial), content_type=LINES, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
    context["answers"] = await whole_answers(trial)
    return await sync_to_async(_page)(request, context)


def _begin(request: HtmxHttpRequest, public_id: UUID) -> tuple[Trial | None, dict[str, Any]]:
    """What is to be asked, if anything, and what the page shows."""
    try:
        prompt = prompt_or_404(request, public_id)
        form = _form(request, prompt)
        context: dict[str, Any] = {"prompt": prompt, "form": form, "answers": [None, None]}
        if not form.is_valid():
            return None, context | {"status": form_status(form)}
        if request.session.row is None:
            raise Http404
        given = form.cleaned_data
        try:
            trial = trial_of(
                actor=request.user,
                session=request.session.row,
                model=given["model"],
                message=given["message"],
                texts=[_text(prompt, given, side) for side in SIDES],
            )
        except ValidationError as error:
            form.add_error(None, error)
            return None, context | {"status": 409}
        return trial, context
    finally:
        # The thread of this request lives as long as the answers take, and must hold no connection meanwhile.
        close_connections()


def _form(request: HtmxHttpRequest, prompt: SystemPrompt) -> PromptTryForm:
    numbers = list(prompt.versions.order_by("-number").values_list("number", flat=True)[:CHOICES])
    asked = request.POST if request.method == "POST" and "carry" not in request.POST else None
    # From the page where it is edited a text comes along as it stands there, saved or not.
    initial = {"content": request.POST["content"]} if "carry" in request.POST and "content" in request.POST else {}
    return PromptTryForm(asked, user=request.user, prompt=prompt, numbers=numbers, initial=initial)


def _text(prompt: SystemPrompt, given: Mapping[str, Any], side: str) -> str:
    if given[side] == DRAFT:
        return str(given["content"])
    if given[side] == str(prompt.version):
        return prompt.content
    return str(prompt.versions.values_list("content", flat=True).get(number=int(given[side])))


def _page(request: HtmxHttpRequest, context: dict[str, Any]) -> HttpResponse:
    form = context["form"]
    context["sides"] = [
        {"name": side, "title": _title(form, side), "answer": answer}
        for side, answer in zip(SIDES, context["answers"], strict=True)
    ]
    return render(request, "chat/prompt_try.html", context, status=context.get("status", 200))


def _title(form: PromptTryForm, side: str) -> str:
    field: Any = form.fields[side]
    return str(dict(field.choices).get(form[side].value(), _("Your text")))


async def _lines(trial: Trial) -> AsyncGenerator[bytes, None]:
    """A line of JSON for each piece: its place, and its text, or at the end its HTML."""
    async with aclosing(answers(trial)) as said:
        async for place, what in said:
            line: dict[str, object] = {"place": place}
            if isinstance(what, Answer):
                # Writing a long answer as HTML takes its time, which all other streams of this process would lose.
                line["html"] = await asyncio.to_thread(_answered, what, trial.language)
            else:
                line["text"] = what
            yield json.dumps(line).encode() + b"\n"


def _answered(answer: Answer, language: str | None) -> str:
    with translation.override(language):
        return render_to_string("chat/prompt_try.html#answer", {"answer": answer})
