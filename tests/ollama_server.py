"""A server that speaks as Ollama does: its own process, its wire at /v1, its errors in its own words.

Run by ``python -m tests.ollama_server``; prints its port. With ``--empty`` no model was pulled yet, with ``--key=…`` it
stands behind something that asks for one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import web

MODELS = ("llama3.2:latest", "qwen3:8b", "hf.co/bartowski/SmolLM2-135M-Instruct-GGUF:Q4_K_M")
# This one ends as Ollama's runner does when it dies in the middle of an answer.
DYING = "crashes:latest"
WORDS = ("The", " harbour", " is", " at", " the", " foot", " of", " the", " hill", ".")


def error(status: int, message: str) -> web.Response:
    kinds = {400: "invalid_request_error", 404: "not_found_error"}
    body = {"message": message, "type": kinds.get(status, "api_error"), "param": None, "code": None}
    return web.json_response({"error": body}, status=status)


def listed(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1763000000, "owned_by": "library"}


def chunk(model: str, content: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": finish}]
    head = {"id": "chatcmpl-417", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
    return {**head, "system_fingerprint": "fp_ollama", "choices": choices, **more}


def usage(tokens_in: int, tokens_out: int) -> dict[str, int]:
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


@web.middleware
async def door(request: web.Request, handler: Any) -> web.StreamResponse:
    key = request.app["key"]
    if key and request.headers.get("Authorization") != f"Bearer {key}":
        return web.json_response({"error": "unauthorized"}, status=401)
    try:
        answer: web.StreamResponse = await handler(request)
    except web.HTTPNotFound:
        # What its router says of an address it does not know.
        return web.Response(text="404 page not found", status=404)
    return answer


async def running(_request: web.Request) -> web.Response:
    return web.Response(text="Ollama is running")


async def tags(request: web.Request) -> web.Response:
    rows = [
        {"name": name, "model": name, "size": 1, "digest": "0" * 64, "details": {}} for name in request.app["models"]
    ]
    return web.json_response({"models": rows})


async def models(request: web.Request) -> web.Response:
    # With no model at all its list is no empty one.
    return web.json_response({"object": "list", "data": [*map(listed, request.app["models"])] or None})


async def model(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    return web.json_response(listed(name)) if name in request.app["models"] else error(404, f"model '{name}' not found")


async def chat(request: web.Request) -> web.StreamResponse:
    try:
        asked = json.loads(await request.text())
        name, messages = asked["model"], asked["messages"]
    except (ValueError, KeyError, TypeError):
        return error(400, "invalid character 'x' looking for beginning of value")
    if not messages:
        return error(400, "[] is too short - 'messages'")
    for message in messages:
        if not isinstance(message.get("content"), str):
            return error(400, "invalid message content type: <nil>")
    if name != DYING and name not in request.app["models"]:
        return error(404, f'model "{name}" not found, try pulling it first')
    counted: dict[str, Any] = {"usage": usage(0, 0)} if (asked.get("stream_options") or {}).get("include_usage") else {}
    tokens_in = sum(len(message["content"].split()) for message in messages)
    if not asked.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}
        head = {"id": "chatcmpl-417", "object": "chat.completion", "created": int(time.time()), "model": name}
        whole = {**head, "system_fingerprint": "fp_ollama", "choices": [choice]}
        return web.json_response({**whole, "usage": usage(tokens_in, len(WORDS))})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)

    async def say(event: object) -> None:
        await response.write(b"data: " + (event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n\n")

    for word in WORDS[: asked.get("max_tokens") or None]:
        await say(chunk(name, word, **counted))
        if name == DYING:
            said = "an error was encountered while running the model: unexpected EOF"
            await say({"error": {"message": said, "type": "api_error", "param": None, "code": None}})
            return response
    finish = "length" if (asked.get("max_tokens") or len(WORDS)) < len(WORDS) else "stop"
    await say(chunk(name, "", finish, **counted))
    if counted:
        await say({**chunk(name, ""), "choices": [], "usage": usage(tokens_in, len(WORDS))})
    await say(b"[DONE]")
    return response


async def main() -> None:
    app = web.Application(middlewares=[door])
    app["models"] = () if "--empty" in sys.argv else MODELS
    app["key"] = next((each.removeprefix("--key=") for each in sys.argv if each.startswith("--key=")), "")
    app.router.add_get("/", running)
    app.router.add_get("/api/tags", tags)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/v1/models/{name:.+}", model)
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
