"""The stream that brings an answer to the page."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.views.decorators.http import require_GET

from accounts.http import HtmxHttpRequest
from chat.branches import Branch, branch_of
from chat.models import Conversation, Message
from chat.pages import awaits_title
from chat.tail import Reader, follow
from chat.thread import left_out, with_spent
from settings_store.database import close_connections
from ui.guard import requires


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


def _finished(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> str:
    """The article of an answer as it now is, and the buttons that go with it."""
    found = with_spent(Conversation.objects.select_related("owner", "system_prompt"))
    conversation = found.filter(public_id=public_id).first()
    branch = branch_of(conversation, shown=1) if conversation else Branch([])
    if conversation is None or not branch.turns:
        # Deleted for good meanwhile: the reader is told that it is over, and of nothing else.
        return ""
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
        "spent": getattr(conversation, "spent", None),
        # Asked only where something was left out: it reads the whole branch.
        "left_out": left_out(branch_of(conversation)) if turn.message.read_from_id else None,
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
