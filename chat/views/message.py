"""Sending, answering again, stopping, and the stream that brings an answer to the page."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from accounts.http import HtmxHttpRequest
from chat import fanout, generation
from chat.actions.message import answer_again, send_message, show_version, start_conversation, stop_answer
from chat.branches import Branch, Turn, branch_of
from chat.choices import default_model, usable_models
from chat.forms.message import MessageForm
from chat.models import Conversation, Message
from chat.pages import awaits_title, conversation_page, own_conversation
from chat.requests import AnswerRequest, request_for
from chat.tail import Reader, follow
from settings_store.database import close_connections
from ui.guard import requires


@requires("chat.use")
@require_POST
def message_send(request: HtmxHttpRequest, public_id: UUID | None = None) -> HttpResponse:
    """Store the message and begin its answer; without `public_id` in a new conversation."""
    return _answering(request, _sent(request, public_id))


@requires("chat.use")
@require_POST
def message_again(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """Begin another version of an answer."""
    return _answering(request, _again(request, public_id, message_id))


@requires("chat.use")
@require_POST
async def message_stop(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    answer = await sync_to_async(_own_message)(request, public_id, message_id)
    await sync_to_async(stop_answer)(actor=request.user, answer=answer)
    generation.stop(answer.public_id)
    fanout.ask_stop(answer.public_id)
    if request.htmx:
        return HttpResponse(status=204)
    return redirect("chat:conversation", public_id)


@requires("chat.use")
@require_POST
def message_show(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """Read on from another version of a message."""
    message = _own_message(request, public_id, message_id)
    try:
        show_version(actor=request.user, message=message)
    except ValidationError as error:
        form = MessageForm(user=request.user, conversation=message.conversation)
        return _refused(request, message.conversation, form, error)
    return redirect("chat:conversation", public_id)


@requires("chat.use")
@require_GET
def message_stream(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponseBase:
    """An answer as it grows; a reader may come and go as often as it likes."""
    try:
        answer = _own_answer(request, public_id, message_id)
    finally:
        # The thread of this request lives as long as the stream does, and must hold no connection meanwhile.
        close_connections()
    if request.session.row is None:
        raise Http404
    reader = Reader(request.session.row.public_id, request.user.pk)
    zone, language = timezone.get_current_timezone(), translation.get_language()

    def done() -> str:
        # The thread that asks the database knows neither the person's clock nor their language.
        with timezone.override(zone), translation.override(language):
            return _finished(request, public_id, message_id)

    events = follow(
        answer,
        reader,
        done=done,
        signed_out=lambda: render_to_string("chat/signed_out.html"),
    )
    return StreamingHttpResponse(
        events,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _answering(request: HtmxHttpRequest, answer: Message | HttpResponse) -> HttpResponse:
    """Begin the answer, if there is one to begin; the model is asked while this thread still writes the page."""
    if isinstance(answer, HttpResponse):
        return answer
    asked = request_for(answer)
    if asked is not None:
        async_to_sync(_begin)(asked)
    return _shown(request, answer)


async def _begin(asked: AnswerRequest) -> None:
    # A task needs the loop of this process, and a view that answers from one thread is not in it.
    generation.start(asked)


def _sent(request: HtmxHttpRequest, public_id: UUID | None) -> Message | HttpResponse:
    conversation = own_conversation(request.user, public_id) if public_id else None
    form = MessageForm(request.POST, user=request.user, conversation=conversation)
    if not form.is_valid():
        return _not_sent(request, conversation, form, status=422)
    given = form.cleaned_data
    text, model = given["message"], given["model"]
    try:
        if conversation is None:
            return start_conversation(actor=request.user, text=text, model=model, prompt=given["prompt"])
        return send_message(actor=request.user, conversation=conversation, text=text, model=model)
    except ValidationError as error:
        return _refused(request, conversation, form, error)


def _again(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> Message | HttpResponse:
    answer = _own_message(request, public_id, message_id)
    models = list(usable_models(request.user))
    model = answer.conversation.model if answer.conversation.model in models else default_model(models)
    form = MessageForm(user=request.user, conversation=answer.conversation)
    if answer.role != Message.Role.ASSISTANT or answer.is_unfinished or model is None:
        sentence = _("There is nothing to answer again.") if model else _("No model is there to answer.")
        return _not_sent(request, answer.conversation, form, status=409, sentence=sentence)
    try:
        return answer_again(actor=request.user, answer=answer, model=model)
    except ValidationError as error:
        return _refused(request, answer.conversation, form, error)


def _refused(
    request: HtmxHttpRequest, conversation: Conversation | None, form: MessageForm, error: ValidationError
) -> HttpResponse:
    sentence = error.messages[0]
    if error.code == "busy":
        return _not_sent(request, conversation, form, status=409, busy=sentence)
    return _not_sent(request, conversation, form, status=409, sentence=sentence)


def _not_sent(
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
    if request.htmx and conversation is not None:
        response = render(request, "chat/_composer.html#composer", context, status=status)
        return reswap(retarget(response, "#composer"), "outerHTML")
    return render(request, "chat/conversation.html", context, status=status)


def _shown(request: HtmxHttpRequest, answer: Message) -> HttpResponse:
    conversation = answer.conversation
    if not request.htmx:
        return redirect("chat:conversation", conversation.public_id)
    question = answer.parent
    turns = [Turn(question), Turn(answer)] if question else [Turn(answer)]
    # How many messages there are now is said with the end of the answer: only that reads the whole branch.
    context = {"conversation": conversation, "branch": Branch(turns), "model": answer.model, "swapped": True}
    return render(request, "chat/conversation.html#exchange", context)


def _finished(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> str:
    """The article of an answer as it now is, and the buttons that go with it."""
    conversation = Conversation.objects.select_related("system_prompt").get(public_id=public_id)
    branch = branch_of(conversation, shown=1)
    turn = branch.turns[-1]
    if turn.message.public_id != message_id:
        # Somebody reads another version meanwhile; the page that followed this one still gets its text.
        turn.message = Message.objects.select_related("model__provider").get(public_id=message_id)
        turn.versions = 1
    context = {
        "conversation": conversation,
        "branch": branch,
        "turn": turn,
        "swapped": True,
        "title_try": 1 if awaits_title(conversation, branch) else None,
    }
    return render_to_string("chat/conversation.html#finished", context, request)


def _own_answer(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> Message:
    """The same in one query, for the stream, which is asked for while somebody waits for the first word."""
    own = Message.objects.filter(
        conversation__owner=request.user,
        conversation__deleted_at__isnull=True,
        conversation__public_id=public_id,
        role=Message.Role.ASSISTANT,
    )
    return get_object_or_404(own.only("public_id"), public_id=message_id)


def _own_message(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> Message:
    conversation = own_conversation(request.user, public_id)
    return get_object_or_404(
        Message.objects.select_related("conversation__model__provider"),
        conversation=conversation,
        public_id=message_id,
    )
