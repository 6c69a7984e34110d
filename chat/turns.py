"""The turns that lead to an answer, by a constant number of queries however long and branched a conversation is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Length

from chat.branches import path_to
from chat.fitting import TOKENS_PER_TURN, Turn
from chat.models import Attachment, Message

# Older turns beyond this are not sent where nobody knows how much a model reads: far more than most do, and a bound for
# what is loaded.
MAX_CONTEXT_CHARACTERS = 400_000
MAX_CONTEXT_TURNS = 500
# Where it is known, more turns than this are not looked at, and no more text than so many tokens could ever be.
MOST_TURNS = 5_000
MOST_CHARACTERS_PER_TOKEN = 8


@dataclass(frozen=True, slots=True)
class Turns:
    """The newest turns before an answer, oldest first; `whole` where no older one was left out already."""

    turns: Sequence[Turn]
    whole: bool = True


def turns_before(answer: Message, *, context_tokens: int | None) -> Turns:
    """What was said before this answer, as much of it as its model could possibly read; always the newest question."""
    if answer.parent is not None and answer.parent.parent_id is None:
        return Turns(_with_files([answer.parent]))
    rows = Message.objects.filter(conversation_id=answer.conversation_id, pk__lt=answer.pk)
    parents = dict(rows.values_list("pk", "parent_id"))
    path = path_to(answer.parent_id, parents) if answer.parent_id else []
    chosen = _chosen(answer, path, context_tokens)
    found = Message.objects.filter(conversation_id=answer.conversation_id, pk__in=chosen).only(
        "role", "content", "tokens_in", "read_from", "conversation"
    )
    turns = [turn for turn in _with_files(list(found.order_by("pk"))) if turn.text]
    return Turns(turns, whole=len(chosen) == len(path))


def _chosen(answer: Message, path: Sequence[int], context_tokens: int | None) -> list[int]:
    """The newest messages of the path whose text is worth loading."""
    most, left = MAX_CONTEXT_TURNS, MAX_CONTEXT_CHARACTERS
    if context_tokens is not None:
        most = min(MOST_TURNS, context_tokens // TOKENS_PER_TURN + 1)
        left = context_tokens * MOST_CHARACTERS_PER_TOKEN
    path = path[-most:]
    if not path:
        return []
    files = Attachment.objects.filter(message=OuterRef("pk")).order_by().values("message")
    sizes = Message.objects.filter(conversation_id=answer.conversation_id, pk__range=(path[0], path[-1])).values_list(
        "pk",
        Length("content") + Coalesce(Subquery(files.annotate(size=Sum(Length("content"))).values("size")), Value(0)),
    )
    size_of: dict[int, int] = dict(sizes)
    chosen: list[int] = []
    for pk in reversed(path):
        left -= size_of.get(pk, 0)
        if left < 0 and chosen:
            break
        chosen.append(pk)
    return chosen[::-1]


def _with_files(messages: Sequence[Message]) -> list[Turn]:
    files: dict[int, list[str]] = {}
    asked = Attachment.objects.filter(message__in=[each.pk for each in messages if each.role == Message.Role.USER])
    for message_id, name, content in asked.order_by("pk").values_list("message_id", "name", "content"):
        files.setdefault(message_id, []).append(fenced(name, content))
    return [
        Turn(
            message.pk,
            message.role,
            "\n\n".join([*files.get(message.pk, ()), *([message.content] if message.content else ())]),
            message.tokens_in,
            message.read_from_id,
        )
        for message in messages
    ]


def fenced(name: str, content: str) -> str:
    """A file as a block under its name, behind a fence longer than any in it."""
    longest = max((len(run) for run in re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{name}:\n{fence}\n{content.removesuffix('\n')}\n{fence}"
