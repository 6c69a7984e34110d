"""A person's own conversations as files."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.actions.conversation_bulk import note_export
from chat.export import FORMATS, archive, file_name, lines
from chat.pages import own_conversation
from chat.picks import picked
from settings_store.database import close_connections
from ui.guard import may_still, requires


@requires("chat.use")
@require_safe
def conversation_export(request: HtmxHttpRequest, public_id: UUID) -> HttpResponseBase:
    """One conversation as a file, Markdown unless the address says `format=json`."""
    conversation = own_conversation(request.user, public_id)
    kind = _format(request.GET.get("format", ""))
    note_export(actor=request.user, keys=[conversation.pk])
    pieces = lines(conversation, kind, partial(may_still, request, "chat.use"))
    return _file(pieces, file_name(conversation, kind), FORMATS[kind][1])


@requires("chat.use")
@require_POST
def conversation_export_many(request: HtmxHttpRequest) -> HttpResponseBase:
    """Those picked on a list in one ZIP archive."""
    picks = picked(request.user, request.POST)
    kind = _format(request.POST.get("format", ""))
    if picks.refusal:
        messages.error(request, picks.refusal)
        return redirect(picks.back)
    note_export(actor=request.user, keys=picks.keys)
    pieces = archive(request.user, picks.keys, kind, partial(may_still, request, "chat.use"))
    return _file(pieces, f"conversations-{timezone.localdate():%Y-%m-%d}.zip", "application/zip")


def _file(pieces: AsyncGenerator[bytes, None], name: str, kind: str) -> StreamingHttpResponse:
    # The thread of this request lives as long as the stream does, and must hold no connection meanwhile.
    close_connections()
    header = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return StreamingHttpResponse(pieces, content_type=kind, headers={"Content-Disposition": header})


def _format(name: str) -> str:
    return name if name in FORMATS else "markdown"
