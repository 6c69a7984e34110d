"""Which of their conversations somebody has picked on a list: those ticked, or all that its search shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from chat.actions.conversation_bulk import MOST
from chat.models import Conversation
from chat.own_list import found, search_text, shelf_of
from ui.forms import uuid_of

# More boxes than a page has.
MOST_TICKED = 200


@dataclass(slots=True)
class Picks:
    """The primary keys of those picked, newest first, or the sentence that says why there are none."""

    shelf: str
    text: str
    ids: list[UUID]
    is_all: bool
    keys: list[int] = field(default_factory=list)
    refusal: str = ""

    @property
    def back(self) -> str:
        """The address of the list they were picked on."""
        address = reverse("chat:conversation_archived" if self.shelf else "chat:conversation_all")
        return f"{address}?{urlencode({'q': self.text})}" if self.text else address


def picked(user: User, sent: QueryDict) -> Picks:
    """What was picked, of the person's own alone; never more than one act may concern."""
    ids = [public_id for text in sent.getlist("id")[:MOST_TICKED] if (public_id := uuid_of(text))]
    shelf = "archive" if sent.get("shelf") == "archive" else ""
    picks = Picks(shelf, search_text(sent.get("q", "")), ids, is_all="all" in sent)
    if picks.is_all:
        own = shelf_of(user, shelf, searched=bool(picks.text))
        _asked, own = found(user, picks.text, own)
    else:
        own = Conversation.objects.owned_by(user).filter(public_id__in=ids)
    picks.keys = list(own.order_by("-last_message_at", "-pk").values_list("pk", flat=True)[: MOST + 1])
    if not picks.keys:
        picks.refusal = _("Choose at least one conversation.")
    elif len(picks.keys) > MOST:
        picks.keys = []
        picks.refusal = _("More than %(most)s match, and one act concerns no more. Narrow the search first.") % {
            "most": f"{MOST:,}"
        }
    return picks
