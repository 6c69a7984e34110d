"""Conversations as files to keep: the branch that is read as Markdown, all branches as JSON, many in a ZIP archive.

Everything is written in pieces, as fast as its reader reads; docs/chat.md describes the JSON.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from io import RawIOBase
from itertools import batched
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from chat.branches import path_to
from chat.models import Attachment, Conversation, Message
from settings_store.database import at_leisure

# Messages read at once: each may be long, and so may its files.
AT_ONCE = 100
FORMATS = {"markdown": ("md", "text/markdown; charset=utf-8"), "json": ("json", "application/json")}
FORMAT, VERSION = "gatehouse.conversation", 1
# No longer than every file system takes it, in bytes too.
NAME_LENGTH = 60
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200b-\u200f\u202a-\u202e\u2066-\u2069]+')

type Allowed = Callable[[], bool]


def file_name(conversation: Conversation, kind: str) -> str:
    """The day it began and its title, as far as every system takes them."""
    day = timezone.localtime(conversation.created_at)
    title = " ".join(_FORBIDDEN.sub(" ", str(conversation)).split())[:NAME_LENGTH].strip(" .")
    return f"{day:%Y-%m-%d} {title or _('Conversation')}.{FORMATS[kind][0]}"


async def lines(conversation: Conversation, kind: str, allowed: Allowed) -> AsyncGenerator[bytes, None]:
    """One file in pieces; it ends where `allowed` says no."""
    pieces = _pieces(conversation, kind)
    while piece := await at_leisure(_next, pieces, allowed):
        yield piece


async def archive(owner: User, keys: Sequence[int], kind: str, allowed: Allowed) -> AsyncGenerator[bytes, None]:
    """A ZIP archive with a file for each of these conversations of `owner`, in pieces."""
    pieces = _zipped(owner, keys, kind)
    while piece := await at_leisure(_next, pieces, allowed):
        yield piece


def _next(pieces: Iterator[bytes], allowed: Allowed) -> bytes:
    return next((piece for piece in pieces if piece), b"") if allowed() else b""


def _pieces(conversation: Conversation, kind: str) -> Iterator[bytes]:
    texts = _markdown(conversation) if kind == "markdown" else _json(conversation)
    return (text.encode() for text in texts)


class _Out(RawIOBase):
    """What a ZIP archive is written to: kept until it is taken away. It cannot be gone back in."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.kept += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self.kept)
        self.kept.clear()
        return taken


def _zipped(owner: User, keys: Sequence[int], kind: str) -> Iterator[bytes]:
    out = _Out()
    with zipfile.ZipFile(out, "w", compression=zipfile.ZIP_DEFLATED) as zipped:
        taken: dict[str, int] = {}
        for batch in batched(keys, AT_ONCE):
            for conversation in _conversations(owner, batch):
                name = _unlike(file_name(conversation, kind), taken)
                with zipped.open(zipfile.ZipInfo(name, _zip_time(conversation)), "w") as file:
                    for piece in _pieces(conversation, kind):
                        file.write(piece)
                        yield out.take()
                yield out.take()
    yield out.take()


def _conversations(owner: User, keys: Sequence[int]) -> list[Conversation]:
    """Those still there, in the order of `keys`."""
    own = Conversation.objects.owned_by(owner).select_related("model", "system_prompt", "folder")
    found = own.in_bulk(list(keys))
    return [found[key] for key in keys if key in found]


def _unlike(name: str, taken: dict[str, int]) -> str:
    """The name, with a number where another file has it already, in whatever case."""
    number = taken[name.casefold()] = taken.get(name.casefold(), 0) + 1
    stem, _dot, ending = name.rpartition(".")
    return name if number == 1 else _unlike(f"{stem} ({number}).{ending}", taken)


def _zip_time(conversation: Conversation) -> tuple[int, int, int, int, int, int]:
    moment = timezone.localtime(conversation.last_message_at)
    # Archives know no time before 1980.
    return (max(moment.year, 1980), moment.month, moment.day, moment.hour, moment.minute, moment.second)


def _markdown(conversation: Conversation) -> Iterator[str]:
    yield f"# {conversation}\n\n"
    if conversation.description:
        yield f"{conversation.description}\n\n"
    if conversation.system_text:
        yield f"## {_('System prompt')}\n\n{conversation.system_text}\n\n"
    for message in _messages(conversation, _branch(conversation)):
        name = _("You") if message.role == Message.Role.USER else message.model_name or _("Model")
        moment = timezone.localtime(message.created_at)
        yield f"## {name}, {moment:%Y-%m-%d %H:%M}\n\n"
        yield f"{message.content}\n\n" if message.content else ""
        if message.error:
            yield f"*{message.error}*\n\n"
        for file in message.attachments.all():
            fence = _fence(file.content)
            yield f"{_('Attached')}: {file.name}\n\n{fence}\n{file.content}\n{fence}\n\n"


def _fence(text: str) -> str:
    """A fence that nothing in the text closes."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)


def _branch(conversation: Conversation) -> list[int]:
    rows = list(conversation.messages.order_by("pk").values_list("pk", "parent_id"))
    return path_to(conversation.active_leaf_id or rows[-1][0], dict(rows)) if rows else []


def _json(conversation: Conversation) -> Iterator[str]:
    head = {
        "format": FORMAT,
        "version": VERSION,
        "id": str(conversation.public_id),
        "title": conversation.title,
        "description": conversation.description,
        "tags": [tag.name for tag in conversation.tags.order_by("name_key")],
        "folder": conversation.folder.name if conversation.folder else None,
        "model": conversation.model.name if conversation.model else None,
        "system_prompt": _prompt(conversation),
        "parameters": conversation.parameters,
        "pinned": conversation.is_pinned,
        "archived_at": _moment(conversation.archived_at),
        "created_at": _moment(conversation.created_at),
        "last_message_at": _moment(conversation.last_message_at),
        "active_leaf": str(conversation.active_leaf.public_id) if conversation.active_leaf else None,
    }
    yield json.dumps(head, ensure_ascii=False, indent=2)[:-2] + ',\n  "messages": ['
    keys = list(conversation.messages.order_by("pk").values_list("pk", flat=True))
    comma = ""
    for message in _messages(conversation, keys):
        yield f"{comma}\n    {json.dumps(_facts(message), ensure_ascii=False)}"
        comma = ","
    yield "\n  ]\n}\n"


def _prompt(conversation: Conversation) -> dict[str, Any] | None:
    if conversation.system_prompt is None and not conversation.system_text:
        return None
    name = conversation.system_prompt.name if conversation.system_prompt else None
    return {"name": name, "version": conversation.prompt_version, "content": conversation.system_text}


def _facts(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.public_id),
        "parent": str(message.parent.public_id) if message.parent else None,
        "role": message.role,
        "status": message.status,
        "content": message.content,
        "error": message.error,
        "model": message.model_name,
        "tokens_in": message.tokens_in,
        "tokens_out": message.tokens_out,
        "cost": None if message.cost is None else f"{message.cost:f}",
        "cut_short": message.cut_short,
        "rating": message.rating,
        "rating_note": message.rating_note,
        "created_at": _moment(message.created_at),
        "finished_at": _moment(message.finished_at),
        "attachments": [
            {"name": file.name, "size": file.size, "content": file.content} for file in message.attachments.all()
        ],
    }


def _messages(conversation: Conversation, keys: Sequence[int]) -> Iterator[Message]:
    """These messages of the conversation with their files, some at a time."""
    files = Prefetch("attachments", Attachment.objects.order_by("pk"))
    for batch in batched(keys, AT_ONCE):
        # Of the parent its public id alone: its text comes in its own turn.
        own = conversation.messages.select_related("parent").defer("parent__content").prefetch_related(files)
        found = own.in_bulk(list(batch))
        yield from (found[key] for key in batch if key in found)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
