"""The search of a person's own conversations."""

from __future__ import annotations

from datetime import date, datetime, time

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from accounts.names import normalised
from chat.models import Conversation, Message, Model
from chat.models.conversation import ConversationQuerySet
from chat.search.language import Asked
from chat.search.matching import holding


def own_matching(user: User, asked: Asked, conversations: ConversationQuerySet) -> ConversationQuerySet:
    """Those of this person's `conversations` that answer what is asked; nothing asked is all of them.

    One or two short questions to the database find out how its answer is read best.
    """
    conversations = conversations.filter(owner=user)
    for tag in asked.tags:
        carrying = Conversation.tags.through._default_manager.filter(tag__owner=user, tag__name_key=normalised(tag))
        conversations = conversations.filter(pk__in=carrying.values("conversation_id"))
    if asked.folders:
        names = [normalised(name) for name in asked.folders]
        conversations = conversations.filter(folder__owner=user, folder__name_key__in=names)
    for name in asked.models:
        conversations = conversations.filter(_with_model(name))
    if asked.before:
        conversations = conversations.filter(last_message_at__lt=_start_of(asked.before))
    if asked.after:
        conversations = conversations.filter(last_message_at__gte=_start_of(asked.after))
    return holding(conversations, asked.words, owner=user)


def _with_model(name: str) -> Q:
    """Held or answered with a model of this name, or of a name that contains it; answers keep those that are gone."""
    known = Model.objects.filter(Q(name__icontains=name) | Q(label__icontains=name))
    answered = Message.objects.filter(conversation=OuterRef("pk"))
    return Q(model__in=known) | Q(Exists(answered.filter(Q(model__in=known) | Q(model_name__icontains=name))))


def _start_of(day: date) -> datetime:
    # In the first and the last year of the calendar, the moment elsewhere may be beyond it.
    day = min(max(day, date(2, 1, 1)), date(9998, 12, 31))
    return timezone.make_aware(datetime.combine(day, time.min))
