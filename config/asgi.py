"""The entry point of web processes: `gunicorn -k asgi config.asgi:application`."""

import os
from typing import Any

from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application

from config.door import Receive, Send, guarded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

pages = guarded(get_asgi_application())

from chat import process  # noqa: E402 - apps must be loaded first
from config.health import wrong_key  # noqa: E402
from settings_store import store  # noqa: E402


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await pages(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """Answers are written and scheduled changes made by this process, from its start to its end."""
    await receive()
    if trouble := await sync_to_async(wrong_key)():
        # Whatever such a process wrote could not be verified later.
        await send({"type": "lifespan.startup.failed", "message": trouble})
        return
    store.watch()
    sweeping = await process.begin()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    sweeping.cancel()
    await process.end()
    await send({"type": "lifespan.shutdown.complete"})
