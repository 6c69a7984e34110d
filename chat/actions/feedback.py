"""What its reader thinks of an answer."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from chat.acting import note
from chat.models import Message


@transaction.atomic
def rate_answer(*, actor: User, answer: Message, rating: int | None, words: str = "") -> None:
    """Call a finished answer good or bad, with a word on why, or take back what was said; `None` takes the word too.

    Raises ValidationError where there is no answer to rate.
    """
    found = Message.objects.select_for_update().get(pk=answer.pk)
    if found.role != Message.Role.ASSISTANT or found.is_unfinished:
        raise ValidationError(_("Only a finished answer can be rated."))
    words = words if rating is not None else ""
    if (found.rating, found.rating_note) == (rating, words):
        return
    found.rating, found.rating_note = rating, words
    found.save(update_fields=["rating", "rating_note"])
    note("message.rated", actor=actor, conversation=answer.conversation)
