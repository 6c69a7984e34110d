"""What happens to messages: sent, answered again, stopped, given up. Own talk is not in the trail.

What is done while acting as somebody is no talk of theirs, and is noted (`chat.acting`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from chat.acting import note
from chat.actions.prompt_use import UNCHANGED, Unchanged, use_prompt
from chat.branches import newest_leaf_below
from chat.llm import MAX_ANSWER_CHARACTERS
from chat.models import Attachment, Conversation, Folder, Message, Model, SystemPrompt
from chat.parameters import Parameters
from chat.uploads import TextFile
from settings_store import limits
from settings_store.store import get_setting

# An answer whose process has not said for this long that it is alive counts as interrupted.
LEASE = timedelta(seconds=6)
TITLE_LENGTH = 60
# Nobody else writes into SQLite while a batch is stored.
KEPT_AT_ONCE = 50
CONTINUED_FIELDS = (
    "model",
    "model_name",
    "status",
    "error",
    "cut_short",
    "stop_requested",
    "finished_at",
    "asked_at",
    "lease_until",
)


def start_conversation(
    *,
    actor: User,
    text: str,
    model: Model,
    prompt: SystemPrompt | None = None,
    parameters: Parameters | None = None,
    files: Sequence[TextFile] = (),
    folder: Folder | None = None,
) -> Message:
    """Store the first message of a new conversation and answer the pending answer to it."""
    take_turn(actor)
    with transaction.atomic():
        conversation = Conversation.objects.create(
            owner=actor,
            title=first_words(text),
            model=model,
            system_prompt=prompt,
            system_text=prompt.content if prompt else "",
            prompt_version=prompt.version if prompt else None,
            parameters=dict(parameters or {}),
            folder=folder,
        )
        answer = _ask(conversation, text=text, model=model, parent=None, files=files)
        note("message.sent", actor=actor, conversation=conversation)
    return answer


def send_message(
    *,
    actor: User,
    conversation: Conversation,
    text: str,
    model: Model,
    prompt: SystemPrompt | Unchanged | None = UNCHANGED,
    parameters: Parameters | None = None,
    files: Sequence[TextFile] = (),
) -> Message:
    """Store a message at the end of the active branch and answer the pending answer to it.

    The prompt (None for none) and `parameters` (None leaves them as they are) hold from this message on. Raises
    ValidationError while another answer is being written, when the person sends too much, or where the prompt is none
    they may use; then nothing is changed.
    """
    _refuse_while_answering(conversation)
    take_turn(actor)
    with transaction.atomic():
        conversation = _lock(conversation)
        if not isinstance(prompt, Unchanged):
            use_prompt(actor=actor, conversation=conversation, prompt=prompt)
        if parameters is not None and parameters != conversation.parameters:
            conversation.parameters = dict(parameters)
            conversation.save(update_fields=["parameters"])
        parent = conversation.active_leaf or conversation.messages.order_by("pk").last()
        answer = _ask(conversation, text=text, model=model, parent=parent, files=files)
        note("message.sent", actor=actor, conversation=conversation)
    return answer


def edit_message(
    *, actor: User, message: Message, text: str, model: Model, files: Sequence[TextFile | Attachment] = ()
) -> Message:
    """Say it in other words: a message beside this one, with an answer of its own; the first stays as it was.

    Raises ValidationError where it is not a message of the person, or another answer is being written.
    """
    if message.role != Message.Role.USER:
        raise ValidationError(_("Only what you wrote yourself can be edited."))
    _refuse_while_answering(message.conversation)
    take_turn(actor)
    with transaction.atomic():
        conversation = _lock(message.conversation)
        answer = _ask(conversation, text=text, model=model, parent=message.parent, files=files)
        note("message.edited", actor=actor, conversation=conversation)
    return answer


def answer_again(*, actor: User, answer: Message, model: Model) -> Message:
    """Another version of an answer, beside it; the conversation goes on from the new one."""
    _refuse_while_answering(answer.conversation)
    take_turn(actor)
    with transaction.atomic():
        conversation = _lock(answer.conversation)
        another = _add_answer(conversation, parent=answer.parent, model=model, messages=1)
        note("message.tried_again", actor=actor, conversation=conversation)
    return another


def continue_answer(*, actor: User, answer: Message, model: Model) -> Message:
    """Let an answer that ended too early go on where it ended: the same message is pending again and keeps its text.

    Raises ValidationError where it has no end to go on from, where the conversation went on without it, or as
    `send_message` does.
    """
    _refuse_while_answering(answer.conversation)
    take_turn(actor)
    with transaction.atomic():
        conversation = _lock(answer.conversation)
        answer = Message.objects.select_related("parent").get(pk=answer.pk)
        _refuse_to_continue(answer)
        now = timezone.now()
        answer.conversation, answer.model, answer.model_name = conversation, model, model.name
        answer.status, answer.error, answer.cut_short = Message.Status.PENDING, "", False
        answer.stop_requested, answer.finished_at = False, None
        answer.asked_at, answer.lease_until = _asked_at(model, now), now + LEASE
        answer.save(update_fields=CONTINUED_FIELDS)
        conversation.model, conversation.active_leaf, conversation.last_message_at = model, answer, now
        conversation.save(update_fields=["model", "active_leaf", "last_message_at"])
        note("message.continued", actor=actor, conversation=conversation)
    return answer


@transaction.atomic
def stop_answer(*, actor: User, answer: Message) -> None:
    """Ask for the end of an answer, in whatever process it is written; what there is of it stays."""
    if Message.objects.filter(pk=answer.pk).ask_to_stop():
        note("message.stopped", actor=actor, conversation=answer.conversation)


@transaction.atomic
def show_version(*, actor: User, message: Message) -> None:
    """Read on from this version of a message.

    Raises ValidationError while an answer is being written: its reader would lose sight of it, and of the way to stop.
    """
    conversation = _lock(message.conversation)
    conversation.active_leaf = newest_leaf_below(message)
    conversation.save(update_fields=["active_leaf"])
    note("message.version_shown", actor=actor, conversation=conversation)


def fail_answer(*, answer: Message, sentence: str) -> None:
    """End an answer that could not even be asked for."""
    Message.objects.filter(pk=answer.pk, status__in=Message.UNFINISHED).update(
        status=Message.Status.FAILED, error=sentence, finished_at=timezone.now(), lease_until=None
    )


def keep_answers(grown: Mapping[int, str | None]) -> set[int]:
    """Renew the leases of answers being written, store the text of those that grew, and tell which are to stop."""
    unfinished = Message.objects.filter(status__in=Message.UNFINISHED)
    for batch in batched(grown.items(), KEPT_AT_ONCE):
        with transaction.atomic():
            lease = timezone.now() + LEASE
            for pk, text in batch:
                if text is not None:
                    unfinished.filter(pk=pk).update(status=Message.Status.STREAMING, content=text, lease_until=lease)
            unfinished.filter(pk__in=[pk for pk, text in batch if text is None]).update(lease_until=lease)
    return set(Message.objects.filter(pk__in=list(grown), stop_requested=True).values_list("pk", flat=True))


def finish_answer(pk: int, /, **facts: Any) -> None:
    """Store the end of an answer, whole; also over an "interrupted" that was said of it while nobody could store."""
    open_ones = (*Message.UNFINISHED, Message.Status.INTERRUPTED)
    Message.objects.filter(pk=pk, status__in=open_ones).update(**facts, finished_at=timezone.now(), lease_until=None)


def interrupt_orphans() -> int:
    """Say "interrupted" on every answer whose process is gone, and tell how many there were."""
    if not Message.objects.orphaned().exists():
        return 0
    return Message.objects.orphaned().update(
        status=Message.Status.INTERRUPTED,
        error=_("The server stopped while this was being written."),
        finished_at=timezone.now(),
        lease_until=None,
    )


def first_words(text: str) -> str:
    """A title until a better one is made: the beginning of the first line that says anything."""
    line = " ".join(next((line for line in text.splitlines() if line.strip()), "").split())
    if len(line) <= TITLE_LENGTH:
        return line
    whole_words = line[:TITLE_LENGTH].rpartition(" ")[0]
    return f"{(whole_words or line[: TITLE_LENGTH - 1]).rstrip(' ,.;:')}…"


def take_turn(actor: User) -> None:
    """Count one message of this person; raises ValidationError where these are too many in a short time."""
    limit = int(get_setting("chat.messages_per_minute"))
    reservation = limits.reserve("chat.messages", str(actor.pk), limit=limit, seconds=60)
    if not reservation.allowed:
        wait = reservation.retry_after
        raise ValidationError(
            ngettext(
                "You have sent many messages in a short time. Wait a second.",
                "You have sent many messages in a short time. Wait %(wait)s seconds.",
                wait,
            )
            % {"wait": wait},
            code="limited",
        )


def _lock(conversation: Conversation) -> Conversation:
    """The conversation as it is now, nobody else adding to it until the transaction ends."""
    found = Conversation.objects.select_for_update().filter(pk=conversation.pk, deleted_at__isnull=True).first()
    if found is None:
        raise ValidationError(_("This conversation was thrown away in the meantime."), code="gone")
    _refuse_while_answering(found)
    return found


def _refuse_while_answering(conversation: Conversation) -> None:
    interrupt_orphans()
    if conversation.messages.filter(status__in=Message.UNFINISHED).exists():
        raise ValidationError(_("Wait for the answer, or stop it first."), code="busy")


def _refuse_to_continue(answer: Message) -> None:
    if not answer.can_go_on:
        raise ValidationError(_("There is nothing to go on from."), code="whole")
    if len(answer.content) >= MAX_ANSWER_CHARACTERS:
        raise ValidationError(_("This answer is as long as an answer may be."), code="whole")
    if answer.children.exists():
        raise ValidationError(_("The conversation went on from here. Answer again instead."), code="whole")


def _asked_at(model: Model, now: datetime) -> datetime | None:
    # Where a server takes so many answers at one moment, this one waits for its place (see chat.slots).
    return now if model.provider.parallel_limit is None else None


def _ask(
    conversation: Conversation,
    *,
    text: str,
    model: Model,
    parent: Message | None,
    files: Sequence[TextFile | Attachment],
) -> Message:
    question = Message.objects.create(
        conversation=conversation, parent=parent, role=Message.Role.USER, content=text, status=Message.Status.COMPLETE
    )
    Attachment.objects.bulk_create(
        Attachment(message=question, name=file.name, content=file.content, size=file.size) for file in files
    )
    return _add_answer(conversation, parent=question, model=model, messages=2)


def _add_answer(conversation: Conversation, *, parent: Message | None, model: Model, messages: int) -> Message:
    now = timezone.now()
    answer = Message.objects.create(
        conversation=conversation,
        parent=parent,
        role=Message.Role.ASSISTANT,
        status=Message.Status.PENDING,
        model=model,
        model_name=model.name,
        asked_at=_asked_at(model, now),
        lease_until=now + LEASE,
    )
    conversation.model = model
    conversation.active_leaf = answer
    conversation.last_message_at = now
    conversation.message_count = F("message_count") + messages
    conversation.save(update_fields=["model", "active_leaf", "last_message_at", "message_count"])
    return answer
