"""A person who talks in an asynchronous test: sends, follows streams, presses stop."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import cast

from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient
from django.urls import reverse

from chat.models import Conversation, Message, Model, Provider


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    data: str
    position: int


class Talk:
    def __init__(self, client: AsyncClient, provider: Provider) -> None:
        self.client = client
        self.provider = provider

    async def send(self, text: str, model: str = "good", conversation: Conversation | None = None) -> Message:
        """Send a message to the model of this name and return the answer, hardly begun."""
        response = await self.post(text, model, conversation)
        assert response.status_code == 302, response.content.decode()
        return await Message.objects.select_related("conversation").alatest("pk")

    async def post(
        self, text: str, model: str = "good", conversation: Conversation | None = None, **headers: str
    ) -> HttpResponse:
        found, _created = await Model.objects.aget_or_create(provider=self.provider, name=model)
        url = reverse("chat:message_send", args=[conversation.public_id] if conversation else [])
        return cast(HttpResponse, await self.client.post(url, {"message": text, "model": found.pk}, headers=headers))

    async def stop(self, answer: Message) -> HttpResponse:
        return cast(HttpResponse, await self.client.post(address_of(answer, "stop")))

    async def open(self, answer: Message) -> AsyncGenerator[Event, None]:
        response = cast(StreamingHttpResponse, await self.client.get(address_of(answer, "stream")))
        assert response.streaming, response.status_code
        assert response.headers["Content-Type"] == "text/event-stream"
        return events_of(response)

    async def follow(self, answer: Message) -> list[Event]:
        """All events of the answer until its end."""
        async with asyncio.timeout(15):
            return [event async for event in await self.open(answer)]

    async def finished(self, answer: Message) -> Message:
        """The answer as it is stored when it has ended."""
        await self.follow(answer)
        return await Message.objects.aget(pk=answer.pk)

    async def until(self, answer: Message, holds: Callable[[Message], bool]) -> Message:
        """The answer as it is stored as soon as this holds of it."""
        async with asyncio.timeout(5):
            while True:
                stored = await Message.objects.select_related("conversation").aget(pk=answer.pk)
                if holds(stored):
                    return stored
                await asyncio.sleep(0.02)


def address_of(message: Message, name: str) -> str:
    return reverse(f"chat:message_{name}", args=[message.conversation.public_id, message.public_id])


async def events_of(response: StreamingHttpResponse) -> AsyncGenerator[Event, None]:
    async for chunk in response:
        for frame in chunk.decode().split("\n\n"):
            lines = frame.split("\n")
            if lines[0].startswith("id: "):
                data = "\n".join(line.removeprefix("data: ") for line in lines[2:])
                yield Event(lines[1].removeprefix("event: "), data, int(lines[0].removeprefix("id: ")))


def seen(events: list[Event]) -> str:
    """What a page shows of the text before the end: finished blocks without their tags, then the rest."""
    blocks, rest = "", ""
    for event in events:
        if event.name == "text":
            rest += event.data
        elif event.name in ("body", "block"):
            finished, _, tail = event.data.partition("<div hx-swap-oob")
            blocks = finished if event.name == "body" else blocks + finished
            rest = tail.partition(">")[2].removesuffix("</div>")
    return html.unescape(re.sub(r"<[^>]+>", "", blocks + rest))
