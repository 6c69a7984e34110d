"""A model server at a steady pace, and the way a page talks to it through the house."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import aiohttp
from aiohttp import web

from benchmarks.house import free_port

# Answers with as many tokens as the message asks for, at a steady pace.
MODEL = "steady"
TOKENS_PER_SECOND = 20
# So many conversations are begun at once where that is not what is measured.
SENDERS = 16


@contextmanager
def steady_model() -> Iterator[str]:
    """Run the model server as a process of its own; gives the address that comes before /v1."""
    port = free_port()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port,), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.join()


async def model_field(client: aiohttp.ClientSession) -> str:
    """The value under which the composer offers the model of this measurement."""
    async with client.get("/chat/") as response:
        found = re.search(r'<option value="(\d+)"[^>]*>\s*' + MODEL, await response.text())
    if not found:
        raise RuntimeError("the composer does not offer the model")
    return found.group(1)


async def send(client: aiohttp.ClientSession, model: str, length: int, conversation: str = "") -> str:
    """Ask for `length` tokens as a page does; gives the address of the answer's stream.

    Without the address of a conversation this begins a new one, and its page is fetched as a browser does.
    """
    page = await _post(client, model, length, conversation)
    if page.startswith("/"):
        async with client.get(page) as response:
            page = await response.text()
    found = re.search(r'sse-connect="([^"]+)"', page)
    if not found:
        raise RuntimeError(f"there is no stream to follow: {page[:300]}")
    return found.group(1).replace("&amp;", "&")


async def conversations(client: aiohttp.ClientSession, model: str, count: int) -> list[str]:
    """The addresses of so many new conversations, each with an answer of one token."""
    turn = asyncio.Semaphore(SENDERS)

    async def begin() -> str:
        async with turn:
            address = await _post(client, model, 1)
            while True:
                async with client.get(address) as response:
                    if "sse-connect" not in await response.text():
                        return address

    return await asyncio.gather(*(begin() for _ in range(count)))


async def _post(client: aiohttp.ClientSession, model: str, length: int, conversation: str = "") -> str:
    """Send a message; gives the turns that the page gets, or for a new conversation its address."""
    message = {"message": str(length), "model": model}
    address = f"{conversation or '/chat/'}messages"
    async with client.post(address, data=message, headers={"HX-Request": "true"}) as response:
        page = await response.text()
        if response.status != 200:
            raise RuntimeError(f"sending answered {response.status}: {page[:300]}")
        return response.headers.get("HX-Redirect", page)


def _serve(port: int) -> None:
    """A model server that never thinks: token k leaves k / TOKENS_PER_SECOND after the request came."""

    async def models(_request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def completions(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        tokens = int(asked["messages"][-1]["content"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with suppress(ConnectionResetError):  # a reader that dies is nothing to report
            begun = asyncio.get_running_loop().time()
            for number in range(tokens):
                delay = begun + number / TOKENS_PER_SECOND - asyncio.get_running_loop().time()
                if delay > 0:
                    await asyncio.sleep(delay)
                await response.write(
                    b'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"tok%04d "},'
                    b'"finish_reason":null}]}\n\n' % number
                )
            await response.write(
                b'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],'
                b'"usage":{"prompt_tokens":5,"completion_tokens":%d,"total_tokens":%d}}\n\ndata: [DONE]\n\n'
                % (tokens, tokens + 5)
            )
        return response

    app = web.Application()
    app.add_routes([web.get("/v1/models", models), web.post("/v1/chat/completions", completions)])
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, backlog=1024)
