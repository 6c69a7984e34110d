"""The entry point of web processes: `gunicorn -k asgi config.asgi:application`."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

from config.door import Receive, Send, guarded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

pages = guarded(get_asgi_application())

from chat import process  # noqa: E402 - apps must be loaded first


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await pages(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """Answers are written by this process, so they must be taken over at its start and finished at its end."""
    await receive()
    sweeping = await process.begin()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    sweeping.cancel()
    await process.end()
    await send({"type": "lifespan.shutdown.complete"})
