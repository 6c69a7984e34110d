"""What is done with an answer: asked for again, gone on with, stopped, rated."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.http import HtmxHttpRequest
from chat import fanout, generation
from chat.actions.feedback import rate_answer
from chat.actions.message import answer_again, continue_answer, stop_answer
from chat.forms.message import MessageForm, RatingForm
from chat.models import Message
from chat.views.exchange import begin, model_for, not_sent, own_message, refused, shown
from ui.guard import requires


@requires("chat.use")
@require_POST
def message_again(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """Begin another version of an answer."""
    answer = own_message(request, public_id, message_id)
    model = model_for(request, answer.conversation)
    form = MessageForm(user=request.user, conversation=answer.conversation)
    if answer.role != Message.Role.ASSISTANT or answer.is_unfinished or model is None:
        sentence = _("There is nothing to answer again.") if model else _("No model is there to answer.")
        return not_sent(request, answer.conversation, form, status=409, sentence=sentence)
    try:
        another = answer_again(actor=request.user, answer=answer, model=model)
    except ValidationError as error:
        return refused(request, answer.conversation, form, error)
    begin(another)
    return shown(request, another)


@requires("chat.use")
@require_POST
def message_continue(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """Let an answer that ended too early go on where it ended."""
    answer = own_message(request, public_id, message_id)
    model = model_for(request, answer.conversation)
    form = MessageForm(user=request.user, conversation=answer.conversation)
    if model is None:
        return not_sent(request, answer.conversation, form, status=409, sentence=_("No model is there to answer."))
    try:
        begin(continue_answer(actor=request.user, answer=answer, model=model))
    except ValidationError as error:
        return refused(request, answer.conversation, form, error)
    return redirect("chat:conversation", public_id)


@requires("chat.use")
@require_POST
async def message_stop(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    answer = await sync_to_async(own_message)(request, public_id, message_id)
    await sync_to_async(stop_answer)(actor=request.user, answer=answer)
    generation.stop(answer.public_id)
    fanout.ask_stop(answer.public_id)
    if request.htmx:
        return HttpResponse(status=204)
    return redirect("chat:conversation", public_id)


@requires("chat.use")
@require_POST
def message_rate(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """Thumbs up or down with a word on why, or neither any more."""
    answer = own_message(request, public_id, message_id)
    form = RatingForm(request.POST)
    if not form.is_valid():
        return _not_rated(request, answer, str(next(iter(form.errors.values()))[0]), status=422)
    rating = form.cleaned_data["rating"]
    words = form.cleaned_data["note"] if "note" in request.POST else answer.rating_note
    # A word is asked for where something was bad; it is offered where it was good.
    asks = rating == Message.Rating.BAD and answer.rating != rating
    try:
        rate_answer(actor=request.user, answer=answer, rating=rating, words=words)
    except ValidationError as error:
        return _not_rated(request, answer, error.messages[0], status=409)
    if request.htmx:
        answer.refresh_from_db(fields=["rating", "rating_note"])
        context = {"message": answer, "conversation": answer.conversation, "asks_why": asks}
        return render(request, "chat/_message.html#meta", context)
    response = redirect("chat:conversation", public_id)
    response["Location"] += f"{f'?rated={message_id}' if asks else ''}#message-{message_id}"
    return response


def _not_rated(request: HtmxHttpRequest, answer: Message, sentence: str, *, status: int) -> HttpResponse:
    if not request.htmx:
        form = MessageForm(user=request.user, conversation=answer.conversation)
        return not_sent(request, answer.conversation, form, status=status, sentence=sentence)
    context = {
        "message": answer,
        "conversation": answer.conversation,
        "asks_why": True,
        "rating_error": sentence,
        "typed": request.POST.get("note", ""),
    }
    return render(request, "chat/_message.html#meta", context, status=status)
