"""The list of a person's own conversations: beside the thread, and as a table of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, UUIDField, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.http import HtmxHttpRequest
from accounts.models import User
from chat.models import Conversation, Folder, Message, Tag
from chat.models.conversation import ConversationQuerySet
from chat.search import Asked, Piece, own_matching, parse, snippets
from ui.forms import uuid_of
from ui.keyset import Page, paginate

# In the list beside a conversation; more are fetched from there on.
LISTED = 60
# Nobody pins more than that and still finds them.
MOST_PINNED = 200
# Words that are shown for choosing; the others are found by writing them.
MOST_TAGS = 60
MOST_TEXT = 200
NEWEST = {"last": ("-last_message_at", "-id")}


@dataclass(frozen=True, slots=True)
class Group:
    """Conversations of one time; `name` is empty where their heading stands on the page already."""

    key: str
    name: str
    rows: list[tuple[Conversation, list[Piece] | None]]


@dataclass(slots=True)
class OwnList:
    """What was searched for, and what was found of it."""

    text: str
    asked: Asked
    folder: Folder | None
    groups: list[Group]
    page: Page[Conversation]
    folders: list[Folder] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)

    @property
    def shown_tags(self) -> list[Tag]:
        return self.tags[:MOST_TAGS]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.text or self.folder)

    @property
    def kept_query(self) -> str:
        """What the addresses of its entries carry on, so that the list stays as it is while one reads."""
        kept = {"q": self.text} if self.text else {}
        if self.folder is not None:
            kept["folder"] = str(self.folder.public_id)
        return f"?{urlencode(kept)}" if kept else ""

    @property
    def last_group(self) -> str:
        return self.groups[-1].key if self.groups else ""


def search_text(text: str) -> str:
    """What was typed to search for, as far as anybody reads it."""
    return text.replace("\0", "").strip()[:MOST_TEXT]


def chosen_folder(user: User, text: str) -> Folder | None:
    """The person's own folder that an address names."""
    public_id = uuid_of(text)
    if public_id is None:
        return None
    return Folder.objects.filter(owner=user, public_id=public_id).select_related("prompt").first()


def found(user: User, text: str, kept: ConversationQuerySet) -> tuple[Asked, ConversationQuerySet]:
    """Of `kept` what the text asks for; all of it where it asks for nothing."""
    asked = parse(text)
    return asked, own_matching(user, asked, kept) if text else kept


def own_list(request: HtmxHttpRequest, *, read: Conversation | None = None, with_choices: bool = True) -> OwnList:
    """What stands beside a conversation that is read: the kept ones, or all that a search finds outside the bin."""
    user = request.user
    text = search_text(request.GET.get("q", ""))
    folder = chosen_folder(user, request.GET.get("folder", ""))
    own = Conversation.objects.owned_by(user) if text else Conversation.objects.kept_by(user)
    if folder is not None:
        own = own.filter(folder=folder)
    asked, own = found(user, text, own)
    answering = Message.objects.filter(pk=OuterRef("active_leaf"), status__in=Message.UNFINISHED)
    own = own.annotate(is_answering=Exists(answering))
    pinned: list[Conversation] = []
    if not text and folder is None:
        if "after" not in request.GET:
            pinned = list(own.filter(is_pinned=True).order_by(*NEWEST["last"])[:MOST_PINNED])
        own = own.filter(is_pinned=False)
    page = paginate(own, request, order=NEWEST, default="last", per_page=LISTED)
    texts = snippets(page.rows, asked) if text else {}
    groups = grouped(pinned, page.rows, texts, shown=request.GET.get("in", ""))
    result = OwnList(text, asked, folder, groups, page)
    if with_choices:
        result.folders, result.tags = _choices(user, read)
    return result


def _choices(user: User, read: Conversation | None) -> tuple[list[Folder], list[Tag]]:
    """The person's folders and words, by name, and which words the conversation carries: all in one query."""
    columns = ("is_tag", "pk", "name", "name_key", "public_id", "is_carried")
    carrying = Conversation.tags.through._default_manager.filter(tag=OuterRef("pk"), conversation=read)
    folders = Folder.objects.filter(owner=user).annotate(is_tag=Value(value=False), is_carried=Value(value=False))
    tags = Tag.objects.filter(owner=user).annotate(
        is_tag=Value(value=True),
        public_id=Value(None, output_field=UUIDField()),
        is_carried=Exists(carrying),
    )
    rows: Any = folders.values_list(*columns).union(tags.values_list(*columns), all=True)
    found_folders, found_tags, carried = [], [], []
    for is_tag, pk, name, name_key, public_id, is_carried in sorted(rows, key=lambda row: row[3]):
        if not is_tag:
            found_folders.append(Folder(pk=pk, public_id=public_id, owner=user, name=name, name_key=name_key))
            continue
        found_tags.append(Tag(pk=pk, owner=user, name=name, name_key=name_key))
        if is_carried:
            carried.append(found_tags[-1])
    if read is not None:
        read.tag_list = carried
    return found_folders, found_tags


def grouped(
    pinned: Iterable[Conversation],
    rows: Iterable[Conversation],
    texts: Mapping[int, list[Piece]] | None = None,
    *,
    shown: str = "",
) -> list[Group]:
    """Pinned, today, this week, older; a group without any is left out, and so is a heading that is `shown` already."""
    names = {"pinned": _("Pinned"), "today": _("Today"), "week": _("This week"), "older": _("Older")}
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    groups: dict[str, list[tuple[Conversation, list[Piece] | None]]] = {key: [] for key in names}
    groups["pinned"] = [(conversation, None) for conversation in pinned]
    for conversation in rows:
        pieces = texts.get(conversation.pk) if texts else None
        groups[_time_of(conversation.last_message_at, today)].append((conversation, pieces))
    return [Group(key, "" if key == shown else names[key], rows) for key, rows in groups.items() if rows]


def _time_of(moment: datetime, today: datetime) -> str:
    if moment >= today:
        return "today"
    return "week" if moment >= today - timedelta(days=6) else "older"


def shelf_of(user: User, name: str, *, searched: bool) -> ConversationQuerySet:
    """What a table of conversations is of: the archive, or what is kept, and all outside the bin where one searches."""
    if name == "archive":
        return Conversation.objects.archived_by(user)
    return Conversation.objects.owned_by(user) if searched else Conversation.objects.kept_by(user)


def table_context(request: HtmxHttpRequest, shelf: str) -> dict[str, Any]:
    """The context of chat/conversation_all.html."""
    user = request.user
    text = search_text(request.GET.get("q", ""))
    asked, own = found(user, text, shelf_of(user, shelf, searched=bool(text)))
    page = paginate(
        own.select_related("folder", "model").prefetch_related("tags"), request, order=NEWEST, default="last"
    )
    texts = snippets(page.rows, asked) if text else {}
    return {
        "shelf": shelf,
        "text": text,
        "asked": asked,
        "page": page,
        "rows": [(conversation, texts.get(conversation.pk)) for conversation in page.rows],
        "matching": own,
    }
