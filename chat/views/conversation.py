"""A person's own conversations, one by one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from chat.acting import note
from chat.actions.conversation import (
    archive_conversation,
    delete_conversation,
    describe_conversation,
    move_conversation,
    pin_conversation,
    rename_conversation,
    restore_conversation,
    unarchive_conversation,
)
from chat.actions.duplicate import duplicate_conversation
from chat.actions.tag import add_tags, remove_tag, set_tags
from chat.branches import branch_of
from chat.forms.conversation import ConversationDetailsForm, ConversationRenameForm, TagForm, own_tag_names
from chat.models import Conversation
from chat.own_list import own_list
from chat.pages import awaits_title, conversation_page, own_conversation
from chat.thread import spent_on
from ui.forms import form_status, posted, require_page_methods, uuid_of
from ui.guard import requires

# A page asks for the title this often, waiting longer each time.
TITLE_TRIES = {"1": 2, "2": 3, "3": 4}


@requires("chat.use")
@require_safe
def index(request: HtmxHttpRequest) -> HttpResponse:
    """A new conversation."""
    context = conversation_page(request, None)
    context["deleted"] = _just_left(request, "deleted")
    context["archived"] = _just_left(request, "archived")
    return render(request, "chat/conversation.html", context)


@requires("chat.use")
@require_safe
def conversation(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    found = own_conversation(request.user, public_id)
    # Whoever oversees a conversation is noted, and so is who looks at it through its owner's eyes.
    note("conversation.opened", actor=request.user, conversation=found)
    return render(request, "chat/conversation.html", conversation_page(request, found))


@requires("chat.use")
@require_safe
def conversation_more(request: HtmxHttpRequest) -> HttpResponse:
    """The list beside a conversation from where it ended; opened as a page, the list from there."""
    if not request.htmx:
        return redirect(f"/chat/?{request.GET.urlencode()}")
    return render(request, "chat/_conversations.html#entries", {"list": own_list(request, with_choices=False)})


@requires("chat.use")
@require_safe
def conversation_title(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """The heading and the entry of the list again, for a page whose conversation is being named by its model."""
    conversation = own_conversation(request.user, public_id)
    branch = branch_of(conversation, shown=1)
    tried = request.GET.get("try", "")
    context = {
        "conversation": conversation,
        "branch": branch,
        "swapped": True,
        # Asked again while the first words still stand there, a few times.
        "title_try": TITLE_TRIES.get(tried) if awaits_title(conversation, branch) else None,
    }
    return render(request, "chat/conversation.html#named", context)


@requires("chat.use")
@require_page_methods
def conversation_details(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """What is known about a conversation, and what its owner writes about it."""
    conversation = own_conversation(request.user, public_id)
    initial = {
        "title": str(conversation),
        "description": conversation.description,
        "folder": conversation.folder.public_id if conversation.folder else None,
        "tags": ", ".join(tag.name for tag in conversation.tags.order_by("name_key")),
    }
    form = ConversationDetailsForm(posted(request), user=request.user, initial=initial)
    if form.is_valid() and _saved(request, conversation, form):
        messages.success(request, _("Saved"))
        return redirect("chat:conversation", public_id)
    context = {
        "conversation": conversation,
        "form": form,
        "own_tags": own_tag_names(request.user),
        "spent": spent_on(conversation),
    }
    return render(request, "chat/conversation_details.html", context, status=form_status(form))


@requires("chat.use")
@require_page_methods
def conversation_rename(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    conversation = own_conversation(request.user, public_id)
    form = ConversationRenameForm(posted(request), initial={"title": conversation.title})
    if form.is_valid():
        rename_conversation(actor=request.user, conversation=conversation, title=form.cleaned_data["title"])
        return redirect("chat:conversation", public_id)
    context = {"conversation": conversation, "form": form}
    return render(request, "chat/conversation_rename.html", context, status=form_status(form))


@requires("chat.use")
@require_POST
def conversation_pin(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    conversation = own_conversation(request.user, public_id)
    pin_conversation(actor=request.user, conversation=conversation, pinned=request.POST.get("pinned") == "yes")
    return redirect("chat:conversation", public_id)


@requires("chat.use")
@require_page_methods
def conversation_tag(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """Put words on a conversation, or take one off; refused words stand on a page of their own to be put right."""
    conversation = own_conversation(request.user, public_id)
    if "remove" in request.POST:
        remove_tag(actor=request.user, conversation=conversation, name=request.POST["remove"].replace("\0", "")[:200])
        return redirect("chat:conversation", public_id)
    form = TagForm(posted(request))
    if form.is_valid():
        try:
            add_tags(actor=request.user, conversation=conversation, names=form.cleaned_data["tags"])
        except ValidationError as error:
            form.add_error("tags", error)
        else:
            return redirect("chat:conversation", public_id)
    context = {"conversation": conversation, "form": form, "own_tags": own_tag_names(request.user)}
    return render(request, "chat/conversation_tag.html", context, status=form_status(form))


@requires("chat.use")
@require_POST
def conversation_duplicate(request: HtmxHttpRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """Begin anew from a message: all up to it, copied."""
    conversation = own_conversation(request.user, public_id)
    message = get_object_or_404(conversation.messages, public_id=message_id)
    try:
        copy = duplicate_conversation(actor=request.user, conversation=conversation, message=message)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("chat:conversation", public_id)
    messages.success(request, _("This is the copy. The other conversation stays as it is."))
    return redirect("chat:conversation", copy.public_id)


@requires("chat.use")
@require_POST
def conversation_archive(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    """Put a conversation away, or with `archived=no` take it out of the archive."""
    conversation = own_conversation(request.user, public_id)
    if request.POST.get("archived") == "no":
        unarchive_conversation(actor=request.user, conversation=conversation)
        return redirect("chat:conversation", public_id)
    archive_conversation(actor=request.user, conversation=conversation)
    response = redirect("chat:index")
    response["Location"] += f"?archived={public_id}"
    return response


@requires("chat.use")
@require_POST
def conversation_delete(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    delete_conversation(actor=request.user, conversation=own_conversation(request.user, public_id))
    response = redirect("chat:index")
    response["Location"] += f"?deleted={public_id}"
    return response


@requires("chat.use")
@require_POST
def conversation_restore(request: HtmxHttpRequest, public_id: UUID) -> HttpResponse:
    conversation = Conversation.objects.filter(owner=request.user, public_id=public_id).first()
    if conversation is None:
        raise Http404
    restore_conversation(actor=request.user, conversation=conversation)
    if request.POST.get("back") == "bin":
        messages.success(request, _("“%(title)s” is back.") % {"title": conversation})
        return redirect("chat:conversation_bin")
    return redirect("chat:conversation", public_id)


def _saved(request: HtmxHttpRequest, conversation: Conversation, form: ConversationDetailsForm) -> bool:
    given, actor = form.cleaned_data, request.user
    try:
        with transaction.atomic():
            if given["title"] != str(conversation):
                rename_conversation(actor=actor, conversation=conversation, title=given["title"])
            describe_conversation(actor=actor, conversation=conversation, description=given["description"])
            move_conversation(actor=actor, conversation=conversation, folder=given["folder"])
            set_tags(actor=actor, conversation=conversation, names=given["tags"])
    except ValidationError as error:
        form.add_error("tags", error)
        return False
    return True


def _just_left(request: HtmxHttpRequest, where: str) -> Conversation | None:
    """The conversation that was thrown or put away a moment ago, so that it can be taken out again."""
    public_id = uuid_of(request.GET.get(where, ""))
    if public_id is None:
        return None
    user = request.user
    there = Conversation.objects.in_bin_of(user) if where == "deleted" else Conversation.objects.archived_by(user)
    return there.filter(public_id=public_id).first()
