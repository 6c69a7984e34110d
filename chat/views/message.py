"""What a person says: sent, said in other words, read from another version, copied, and the files that came along."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.http import HtmxHttpRequest
from chat.actions.message import edit_message, send_message, show_version, start_conversation
from chat.actions.prompt_use import UNCHANGED
from chat.forms.message import MessageEditForm, MessageForm
from chat.models import Attachment, Conversation, Message
from chat.own_list import chosen_folder
from chat.pages import own_conversation
from chat.views.exchange import begin, model_for, not_sent, own_message, refused, shown
from ui.forms import posted, require_page_methods
from ui.guard import requires


@requires("chat.use")
@require_POST
def message_send(request: HtmxHttpRequest, public_id: UUID | None = None) -> HttpResponse:
    """Store the message and begin its answer; without `public_id` in a new conversation."""
    conversation = own_conversation(request.user, public_id) if public_id else None
    folder = chosen_folder(request.user, request.POST.get("folder", "")) if conversation is None else None
    form = MessageForm(request.POST, request.FILES, user=request.user, conversation=conversation, folder=folder)
    if not form.is_valid():
        return not_sent(request, conversation, form, status=422)
    try:
        answer = _sent(request, conversation, form)
    except ValidationError as error:
        return refused(request, conversation, form, error)
    begin(answer)
    return shown(request, answer, begun=conversation is None, prompt_changed=form.asks_for_prompt)


@requires("chat.use")
@require_page_methods
def message_edit(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """Say a message in other words, in its place or on a page of its own."""
    message = own_message(request, public_id, message_id)
    files = list(message.attachments.order_by("pk"))
    form = MessageEditForm(posted(request), message=message, files=files)
    if not form.is_valid():
        return _edit_page(request, message, form, status=422 if form.is_bound else 200)
    try:
        begin(_edited(request, message, form, files))
    except ValidationError as error:
        return _edit_page(request, message, form, status=409, sentence=error.messages[0])
    address = reverse("chat:conversation", args=[public_id])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


@requires("chat.use")
@require_POST
def message_show(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """Read on from another version of a message, at the place where the reader was."""
    message = own_message(request, public_id, message_id)
    try:
        show_version(actor=request.user, message=message)
    except ValidationError as error:
        form = MessageForm(user=request.user, conversation=message.conversation)
        return refused(request, message.conversation, form, error)
    response = redirect("chat:conversation", public_id)
    response["Location"] += f"{'?all' if 'all' in request.GET else ''}#message-{message_id}"
    return response


@requires("chat.use")
@require_safe
def message_markdown(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """A message as it was written, with its Markdown signs."""
    message = own_message(request, public_id, message_id)
    return HttpResponse(message.content, content_type="text/plain; charset=utf-8")


@requires("chat.use")
@require_safe
def message_file(request: HtmxHttpRequest, public_id: UUID, message_id: UUID, file_id: UUID) -> HttpResponse:
    file = _own_file(request, public_id, message_id, file_id)
    return render(request, "chat/message_file.html", {"file": file, "conversation": file.message.conversation})


@requires("chat.use")
@require_safe
def message_file_download(request: HtmxHttpRequest, public_id: UUID, message_id: UUID, file_id: UUID) -> HttpResponse:
    """A file as text to keep; never as anything that a browser would run."""
    file = _own_file(request, public_id, message_id, file_id)
    response = HttpResponse(file.content, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=file.name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _sent(request: HtmxHttpRequest, conversation: Conversation | None, form: MessageForm) -> Message:
    given = form.cleaned_data
    said = {
        "text": given["message"],
        "model": given["model"],
        "parameters": form.asked_parameters,
        "files": given.get("attached", []),
    }
    if conversation is None:
        return start_conversation(actor=request.user, prompt=given["prompt"], folder=form.folder, **said)
    prompt = given["prompt"] if form.asks_for_prompt else UNCHANGED
    return send_message(actor=request.user, conversation=conversation, prompt=prompt, **said)


def _edited(request: HtmxHttpRequest, message: Message, form: MessageEditForm, files: list[Attachment]) -> Message:
    model = model_for(request, message.conversation)
    if model is None:
        raise ValidationError(_("No model is connected."))
    kept = set(form.cleaned_data.get("kept", ()))
    return edit_message(
        actor=request.user,
        message=message,
        text=form.cleaned_data["message"],
        model=model,
        files=[file for file in files if str(file.public_id) in kept],
    )


def _edit_page(
    request: HtmxHttpRequest, message: Message, form: MessageEditForm, *, status: int, sentence: str = ""
) -> HttpResponse:
    if message.role != Message.Role.USER:
        sentence, status = _("Only what you wrote yourself can be edited."), 409
    context = {"message": message, "conversation": message.conversation, "form": form, "sentence": sentence}
    name = "chat/message_edit.html#form" if request.htmx else "chat/message_edit.html"
    return render(request, name, context, status=status)


def _own_file(request: HtmxHttpRequest, public_id: UUID, message_id: UUID, file_id: UUID) -> Attachment:
    message = own_message(request, public_id, message_id)
    return get_object_or_404(
        Attachment.objects.select_related("message__conversation"), message=message, public_id=file_id
    )
