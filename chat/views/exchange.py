"""What every view shares that begins an answer: whose message it is, what the page gets, and how it is refused."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget, trigger_client_event

from accounts.http import HtmxHttpRequest
from chat import generation
from chat.branches import Branch, Turn
from chat.choices import default_model, usable_models
from chat.forms.message import MessageForm
from chat.models import Conversation, Message, Model
from chat.pages import conversation_page, own_conversation
from chat.requests import AnswerRequest, request_for
from chat.thread import load_files


def own_message(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> Message:
    """A message of one's own conversation; any other does not exist here."""
    conversation = own_conversation(request.user, public_id)
    message = get_object_or_404(Message, conversation=conversation, public_id=message_id)
    message.conversation = conversation
    return message


def model_for(request: HtmxHttpRequest, conversation: Conversation) -> Model | None:
    """The model that answers here: the conversation's own while this person may use it, else the default."""
    models = list(usable_models(request.user))
    return conversation.model if conversation.model in models else default_model(models)


def begin(answer: Message) -> None:
    """Begin an answer that was just stored; the model is asked while this thread still writes the page."""
    asked = request_for(answer)
    if asked is not None:
        async_to_sync(_begin)(asked)


async def _begin(asked: AnswerRequest) -> None:
    # A task needs the loop of this process, and a view that answers from one thread is not in it.
    generation.start(asked)


def shown(
    request: HtmxHttpRequest, answer: Message, *, begun: bool = False, prompt_changed: bool = False
) -> HttpResponse:
    """The two new turns for the end of the page, or the way to the page where that is a new one."""
    conversation = answer.conversation
    address = reverse("chat:conversation", args=[conversation.public_id])
    if not request.htmx:
        return redirect(address)
    if begun:
        return trigger_client_event(HttpResponseClientRedirect(address), "sent")
    question = answer.parent
    turns = [Turn(question), Turn(answer)] if question else [Turn(answer)]
    load_files(turns)
    # How many messages there are now is said with the end of the answer: only that reads the whole branch.
    context = {
        "conversation": conversation,
        "branch": Branch(turns),
        "model": answer.model,
        "swapped": True,
        # Meanwhile something else may have been written, where this was held until the answer before it ended.
        "was_held": "held" in request.POST,
    }
    if prompt_changed:
        context["form"] = MessageForm(user=request.user, conversation=conversation)
    # The page forgets its draft by this, and not by the mere end of a request: a session may have ended meanwhile.
    return trigger_client_event(render(request, "chat/conversation.html#exchange", context), "sent")


def refused(
    request: HtmxHttpRequest, conversation: Conversation | None, form: MessageForm, error: ValidationError
) -> HttpResponse:
    """The composer again with the sentence of a refusal."""
    sentence = error.messages[0]
    if error.code == "busy":
        return not_sent(request, conversation, form, status=409, busy=sentence)
    return not_sent(request, conversation, form, status=409, sentence=sentence)


def not_sent(
    request: HtmxHttpRequest,
    conversation: Conversation | None,
    form: MessageForm,
    *,
    status: int,
    sentence: str = "",
    busy: str = "",
) -> HttpResponse:
    """The composer again, with what was written in it and a sentence about what is wrong; `busy` passes by."""
    context = conversation_page(request, conversation, form) | {"sentence": sentence, "busy": busy}
    if request.htmx:
        response = render(request, "chat/_composer.html#composer", context, status=status)
        return reswap(retarget(response, "#composer"), "outerHTML")
    return render(request, "chat/conversation.html", context, status=status)
