"""Which messages of a conversation are read now: the branch that ends in its active leaf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from chat.models import Conversation, Message

# A page of more turns than this would be slow to read and to send; the model is told more (see generation).
SHOWN_TURNS = 200
# Nobody reads on for longer than this, not even who asks for everything.
ALL_TURNS = 5000


@dataclass(slots=True)
class Turn:
    """A message on the branch, and the versions beside it that lead to other branches."""

    message: Message
    number: int = 1
    versions: int = 1
    previous: UUID | None = None
    next: UUID | None = None


@dataclass(slots=True)
class Branch:
    """The turns shown, oldest first, and how many more lie before them."""

    turns: list[Turn]
    earlier: int = 0

    @property
    def length(self) -> int:
        """How many messages are read on it, without those of other versions."""
        return self.earlier + len(self.turns)

    @property
    def unfinished(self) -> Message | None:
        """The answer being written at its end."""
        last = self.turns[-1].message if self.turns else None
        return last if last is not None and last.is_unfinished else None


def branch_of(conversation: Conversation, *, shown: int = SHOWN_TURNS) -> Branch:
    """The active branch in three queries, however long and branched the conversation is."""
    # Of all messages the keys alone, for what is read of ten thousand must be little.
    rows = list(Message.objects.filter(conversation=conversation).order_by("pk").values_list("pk", "parent_id"))
    if not rows:
        return Branch([])
    parents = dict(rows)
    path = path_to(conversation.active_leaf_id or rows[-1][0], parents)
    earlier = max(len(path) - shown, 0)
    messages = Message.objects.select_related("model__provider").in_bulk(path[earlier:])
    versions = _versions_beside(conversation, [parents[pk] for pk in path[earlier:]])
    return Branch([_turn(messages[pk], versions[parents[pk]]) for pk in path[earlier:]], earlier)


def _versions_beside(conversation: Conversation, parents: list[int | None]) -> dict[int | None, list[tuple[int, UUID]]]:
    """The messages below each of `parents`, the oldest first; below None those that begin a branch of their own."""
    below = Q(parent__in=[parent for parent in parents if parent is not None])
    if None in parents:
        below |= Q(parent=None)
    rows = Message.objects.filter(below, conversation=conversation).order_by("pk")
    versions: dict[int | None, list[tuple[int, UUID]]] = {}
    for pk, parent, public_id in rows.values_list("pk", "parent_id", "public_id"):
        versions.setdefault(parent, []).append((pk, public_id))
    return versions


def path_to(leaf: int, parents: Mapping[int, int | None]) -> list[int]:
    """The keys from the first message to `leaf`."""
    path: list[int] = []
    step: int | None = leaf
    while step is not None and step in parents:
        path.append(step)
        step = parents[step]
    return path[::-1]


def newest_leaf_below(message: Message) -> Message:
    """Where reading goes on when a version is chosen: its newest answer, and so on to the end."""
    rows = Message.objects.filter(conversation_id=message.conversation_id, pk__gt=message.pk)
    children = {parent: pk for pk, parent in rows.order_by("pk").values_list("pk", "parent_id")}
    leaf = message.pk
    while leaf in children:
        leaf = children[leaf]
    return message if leaf == message.pk else Message.objects.get(pk=leaf)


def _turn(message: Message, versions: list[tuple[int, UUID]]) -> Turn:
    at = [pk for pk, _public_id in versions].index(message.pk)
    return Turn(
        message,
        number=at + 1,
        versions=len(versions),
        previous=versions[at - 1][1] if at else None,
        next=versions[at + 1][1] if at + 1 < len(versions) else None,
    )
