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


async def send(client: aiohttp.ClientSession, model: str, length: int) -> str:
    """Ask for `length` tokens in a new conversation, as a page does; gives the address of the answer's stream."""
    message = {"message": str(length), "model": model}
    async with client.post("/chat/messages", data=message, headers={"HX-Request": "true"}) as response:
        page = await response.text()
        found = re.search(r'sse-connect="([^"]+)"', page)
        if response.status != 200 or not found:
            raise RuntimeError(f"sending answered {response.status} without a stream: {page[:300]}")
    return found.group(1).replace("&amp;", "&")


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
