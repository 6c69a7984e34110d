"""Words that people put on their conversations; one is gone with the last conversation that carried it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.names import normalised
from chat.acting import note
from chat.actions.folder import lock_belongings
from chat.models import Conversation, Tag

# On one conversation, and of one person.
MOST_ON_ONE = 20
MOST = 500


@transaction.atomic
def set_tags(*, actor: User, conversation: Conversation, names: Sequence[str]) -> None:
    """Let a conversation carry these words and no others. Raises ValidationError where these are too many."""
    lock_belongings(actor)
    carried = set(conversation.tags.all())
    wanted = set(tags_named(actor, names))
    if carried == wanted:
        return
    _refuse_too_many(len(wanted))
    conversation.tags.set(wanted)
    forget_unused(actor, carried - wanted)
    note("conversation.tagged", actor=actor, conversation=conversation)


@transaction.atomic
def add_tags(*, actor: User, conversation: Conversation, names: Sequence[str]) -> None:
    """Put words on a conversation beside those it carries. Raises ValidationError where these become too many."""
    lock_belongings(actor)
    carried = set(conversation.tags.all())
    wanted = carried | set(tags_named(actor, names))
    if wanted == carried:
        return
    _refuse_too_many(len(wanted))
    conversation.tags.add(*(wanted - carried))
    note("conversation.tagged", actor=actor, conversation=conversation)


@transaction.atomic
def remove_tag(*, actor: User, conversation: Conversation, name: str) -> None:
    """Take a word off a conversation."""
    lock_belongings(actor)
    tag = conversation.tags.filter(name_key=normalised(name)).first()
    if tag is None:
        return
    conversation.tags.remove(tag)
    forget_unused(actor, [tag])
    note("conversation.untagged", actor=actor, conversation=conversation)


def tags_named(actor: User, names: Iterable[str]) -> list[Tag]:
    """The person's tags of these names, made where there are none; one that is there keeps its spelling.

    Within a transaction that holds `lock_belongings`. Raises ValidationError where the person has too many.
    """
    own = Tag.objects.filter(owner=actor)
    found = []
    for name in names:
        key = normalised(name)
        # Asked one by one, because the database may take two spellings for one that are two here.
        tag = own.filter(name_key=key).first()
        if tag is None:
            if own.count() >= MOST:
                raise ValidationError(_("You have %(most)s tags, and more are not kept.") % {"most": MOST})
            tag = Tag.objects.create(owner=actor, name=name, name_key=key)
        found.append(tag)
    return found


def forget_unused(actor: User, tags: Iterable[Tag]) -> None:
    """Forget those of these tags that no conversation carries any more, the bin included."""
    keys = [tag.pk for tag in tags]
    if keys:
        Tag.objects.filter(owner=actor, pk__in=keys, conversations__isnull=True).delete()


def _refuse_too_many(number: int) -> None:
    if number > MOST_ON_ONE:
        raise ValidationError(_("A conversation carries %(most)s tags at most.") % {"most": MOST_ON_ONE})
