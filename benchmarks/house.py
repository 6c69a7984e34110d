"""A Gatehouse of its own for a measurement: fresh data folder, real web processes, a signed-in client."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
EMAIL = "admin@house.example"
READY_SECONDS = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True)
class House:
    """A running installation: where it is, who may sign in, and which processes serve it."""

    url: str
    password: str
    server: subprocess.Popen[bytes]

    def worker_seconds(self) -> float:
        """Processor seconds all web processes have spent so far, user and system."""
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        ticks = 0
        for child in children:
            # Fields 14 and 15 of proc(5) stat, counted behind the parenthesised name.
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def worker_kilobytes(self) -> list[int]:
        """Resident memory of each web process."""
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        return [
            int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{child}/status").read_text()).group(1))  # type: ignore[union-attr]
            for child in children
        ]


@contextmanager
def house(*, workers: int, model_url: str, model: str, settings: dict[str, str] | None = None) -> Iterator[House]:
    """Start Gatehouse with `workers` web processes and `model` of the server at `model_url`; stop it at the end."""
    port, password = free_port(), secrets.token_urlsafe(18)
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GATEHOUSE_DATA_DIR": folder,
            "DATABASE_URL": os.environ.get("DATABASE_URL", f"sqlite:///{folder}/house.sqlite3"),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DATABASE_ENCRYPTION_KEY": b64encode(secrets.token_bytes(32)).decode(),
            "GATEHOUSE_ADMIN_EMAIL": EMAIL,
            "GATEHOUSE_ADMIN_PASSWORD": password,
            "LOCAL_MODEL_URL": model_url,
            "LOCAL_MODEL_KEY": "none",
            "LOCAL_MODEL_NAME": model,
            "HTTPS_ONLY": "false",
            "LOG_LEVEL": "WARNING",
            **(settings or {}),
        }
        for command in (["migrate", "--verbosity=0"], ["init"], ["collectstatic", "--no-input", "--verbosity=0"]):
            subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        serve = (
            f"gunicorn config.asgi:application --config config/gunicorn.py --workers {workers} --bind 127.0.0.1:{port}"
        )
        server = subprocess.Popen(
            [sys.executable, "-m", *serve.split(), "--log-level", "warning"], cwd=ROOT, env=environment
        )
        try:
            yield House(f"http://127.0.0.1:{port}", password, server)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()


@asynccontextmanager
async def signed_in(place: House) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with an open session of the first admin, ready to post: its CSRF token is among its headers."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(place.url, cookie_jar=jar, connector=connector) as client:
        await _ready(client)
        token = await csrf_token(client, "/login/")
        form = {"csrfmiddlewaretoken": token, "username": EMAIL, "password": place.password}
        async with client.post("/login/", data=form, allow_redirects=False) as response:
            if response.status != 302:
                raise RuntimeError(f"signing in answered {response.status}")
        client.headers["X-CSRFToken"] = await csrf_token(client, "/chat/")
        yield client


async def csrf_token(client: aiohttp.ClientSession, path: str) -> str:
    async with client.get(path) as response:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', await response.text())
    if not found:
        raise RuntimeError(f"{path} holds no form")
    return found.group(1)


async def _ready(client: aiohttp.ClientSession) -> None:
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        try:
            async with client.get("/readyz") as response:
                if response.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.05)
    raise RuntimeError("Gatehouse did not become ready")
