"""A model server for tests: its own process, the real wire, and a misbehaviour for each model it lists.

Run by ``python -m tests.fake_model_server``; prints its port. ``/connections`` tells how many sockets are open;
after ``/mend`` every model answers as "good" does and every key opens, until ``/harm``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Iterable

KEY = "right-key"
SILENCE = 3600

open_connections = 0
mended = False


def head(status: str, content_type: str, extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nConnection: close\r\n{extra}\r\n".encode()


STREAM = head("200 OK", "text/event-stream")


def event(**fields: object) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


def piece(text: str, finish: str | None = None) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


DONE = b"data: [DONE]\n\n"
END = piece("", "stop") + event(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 3}) + DONE


async def slowly(writer: asyncio.StreamWriter, texts: Iterable[str], milliseconds: float) -> None:
    writer.write(STREAM)
    for text in texts:
        writer.write(piece(text))
        await writer.drain()
        await asyncio.sleep(milliseconds / 1000)
    writer.write(END)


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM)
    while True:
        writer.write(piece("word " * 1000))
        await writer.drain()


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """One byte at a time, so that every boundary is met."""
    writer.write(STREAM)
    for position in range(len(data)):
        writer.write(data[position : position + 1])
        await writer.drain()


MARKDOWN = "Here it is:\n\n```python\nprint('hi')\n```\n\n- one\n- two\n\n<script>alert(1)</script>\n\nEnd."

# What each model writes; a trailing None means that it then says nothing more and keeps the connection.
SCRIPTS: dict[str, tuple[bytes | None, ...]] = {
    "good": (STREAM, piece("Hello"), piece(", you"), piece("."), END),
    "at-the-limit": (
        STREAM,
        piece("Hello and"),
        piece("", "length"),
        event(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 2048}),
        DONE,
    ),
    "markdown": (STREAM, *[piece(MARKDOWN[at : at + 7]) for at in range(0, len(MARKDOWN), 7)], END),
    "boastful": (
        STREAM,
        piece("Hello", "stop"),
        event(choices=[], usage={"prompt_tokens": 2**31 - 1, "completion_tokens": 2**31 - 1}),
        DONE,
    ),
    "busy": (head("429 Too Many Requests", "application/json"), b"{}"),
    "broken": (head("500 Internal Server Error", "text/plain"), b"Traceback: secret"),
    "missing": (head("404 Not Found", "application/json"), b'{"error":{"message":"no such model"}}'),
    "strict": (head("400 Bad Request", "application/json"), b'{"error":{"message":"no"}}'),
    "too-long": (head("400 Bad Request", "application/json"), b'{"error":{"type":"exceed_context_size_error"}}'),
    "redirect": (head("302 Found", "text/plain", "Location: http://127.0.0.1:1/\r\n"),),
    "wrong-type": (head("200 OK", "text/html"), b"<h1>Welcome</h1>"),
    "broken-json": (STREAM, piece("Hello"), b"data: {nonsense\n\n"),
    "odd-json": (STREAM, piece("Hello"), b"data: [1, 2]\n\n"),
    "error-event": (STREAM, piece("Hello"), event(error={"message": "out of memory"})),
    "no-done": (STREAM, piece("Hello"), piece(" you", "stop")),
    "cut": (STREAM, piece("Hello")),
    "cut-character": (STREAM, piece("Hello"), b'data: {"choices":[{"delta":{"content":"caf\xc3'),
    "bad-bytes": (STREAM, b'data: {"choices":[{"delta":{"content":"caf\xff!"}}]}\n\n', END),
    "huge-line": (STREAM, piece("Hello"), b"data: " + b"x" * 3_000_000),
    "half-headers": (b"HTTP/1.1 200 OK\r\nContent-Ty", None),
    "not-http": (b"SSH-2.0-OpenSSH_9.2\r\n",),
    "silent": (None,),
    "stall": (STREAM, piece("Hello"), None),
    "nothing": (),
    "nul": (STREAM, piece("a\0b\r\nc"), END),
    "halves": (
        STREAM,
        b'data: {"choices":[{"delta":{"content":"ok \\ud83d"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\ude00 \\ud83d!"}}]}\n\n',
        END,
    ),
}


async def answer(writer: asyncio.StreamWriter, request: dict[str, object], authorization: str) -> None:
    model = "good" if mended else str(request.get("model"))
    said = f"Incorrect API key provided: {authorization}"
    if counted := re.fullmatch(r"count-(\d+)-(\d+)ms", model):
        await slowly(writer, (f"{each} " for each in range(int(counted[1]))), int(counted[2]))
    elif model == "endless":
        await endless(writer)
    elif model == "drip":
        await drip(writer, piece("naïve 😀 ") + b": a comment\r\n\r\nid: 3\nevent: x\n" + piece("text") + END)
    elif model == "slow-markdown":
        await slowly(writer, [MARKDOWN[at : at + 5] for at in range(0, len(MARKDOWN), 5)], 25)
    elif model == "echoed-key":
        writer.write(head("401 Unauthorized", "application/json") + json.dumps({"error": said}).encode())
    elif model == "echoed-key-in-stream":
        writer.write(STREAM + piece("Hello") + event(error={"message": said}))
    elif model == "echo":
        writer.write(STREAM + piece(json.dumps(request, sort_keys=True)) + END)
    else:
        for part in SCRIPTS.get(model, SCRIPTS["missing"]):
            if part is None:
                await writer.drain()
                await asyncio.sleep(SILENCE)
            else:
                writer.write(part)
                await writer.drain()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global mended, open_connections
    open_connections += 1
    try:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = first.split(" ")[1]
        if path == "/connections":
            writer.write(head("200 OK", "text/plain") + str(open_connections - 1).encode())
        elif path in ("/mend", "/harm"):
            mended = path == "/mend"
            writer.write(head("200 OK", "text/plain"))
        elif not mended and headers.get("authorization") not in (None, f"bearer {KEY}"):
            writer.write(head("401 Unauthorized", "application/json") + b"{}")
        elif path == "/v1/models":
            names = [{"id": name} for name in (*SCRIPTS, "drip", "echo", "endless", "count-20-50ms")]
            writer.write(head("200 OK", "application/json") + json.dumps({"data": names}).encode())
        elif path == "/odd/models":
            writer.write(head("200 OK", "application/json") + b'{"models": 3}')
        elif path == "/wrong/models":
            writer.write(head("404 Not Found", "text/html") + b"<h1>Not found</h1>")
        elif path == "/echo/models":
            said = f"Incorrect API key provided: {headers.get('authorization')}"
            writer.write(head("401 Unauthorized", "application/json") + json.dumps({"error": said}).encode())
        else:
            await until_the_caller_leaves(reader, answer(writer, json.loads(body), headers.get("authorization", "")))
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        open_connections -= 1
        writer.close()


async def until_the_caller_leaves(reader: asyncio.StreamReader, work: Awaitable[None]) -> None:
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(reader.read())
    await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if working.done():
        working.result()
    working.cancel()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
