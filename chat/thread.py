"""What a thread shows beside the words of its messages: files, what they cost, and what the model no longer reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import OuterRef, Prefetch, Subquery, Sum, prefetch_related_objects

from chat.branches import Branch, Turn
from chat.models import Attachment, Conversation, Message
from chat.models.conversation import ConversationQuerySet


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many messages of a branch its newest answer was written without, and the first that it was given."""

    number: int
    before: UUID


def left_out(branch: Branch) -> LeftOut | None:
    """None where the newest answer read everything, or where what it read begins before the turns shown."""
    answers = (turn.message for turn in reversed(branch.turns) if turn.message.role == Message.Role.ASSISTANT)
    newest = next(answers, None)
    if newest is None or newest.read_from_id is None:
        return None
    for place, turn in enumerate(branch.turns):
        if turn.message.pk == newest.read_from_id:
            return LeftOut(branch.earlier + place, turn.message.public_id)
    return None


def spent_on(conversation: Conversation) -> Decimal | None:
    """What all answers of a conversation cost, on every branch; None where of none a cost is known."""
    total: Decimal | None = conversation.messages.aggregate(total=Sum("cost"))["total"]
    return total


def with_spent(conversations: ConversationQuerySet) -> ConversationQuerySet:
    """Each with `spent`, the same in the query that finds it."""
    said = Message.objects.filter(conversation=OuterRef("pk")).order_by().values("conversation")
    return conversations.annotate(spent=Subquery(said.annotate(total=Sum("cost")).values("total")))


def load_files(turns: Sequence[Turn]) -> None:
    """Read the names of all files of these turns at once, without what is in them."""
    questions = [turn.message for turn in turns if turn.message.role == Message.Role.USER]
    if questions:
        prefetch_related_objects(questions, Prefetch("attachments", Attachment.objects.defer("content").order_by("pk")))
