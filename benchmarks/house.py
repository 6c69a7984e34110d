"""A Gatehouse of its own for a measurement or a proof: fresh data folder, real web processes, a signed-in client."""

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
from pathlib import Path
from typing import IO

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
EMAIL = "admin@house.example"
READY_SECONDS = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class House:
    """An installation with a data folder of its own: where it is, who may sign in, and which processes serve it."""

    def __init__(self, folder: str, *, workers: int, environment: dict[str, str], log: IO[bytes] | None = None) -> None:
        self.log = log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.workers = workers
        self.password = secrets.token_urlsafe(18)
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GATEHOUSE_DATA_DIR": folder,
            "DATABASE_URL": os.environ.get("DATABASE_URL", f"sqlite:///{folder}/house.sqlite3"),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DATABASE_ENCRYPTION_KEY": b64encode(secrets.token_bytes(32)).decode(),
            "GATEHOUSE_ADMIN_EMAIL": EMAIL,
            "GATEHOUSE_ADMIN_PASSWORD": self.password,
            "HTTPS_ONLY": "false",
            "LOG_LEVEL": "WARNING",
            **environment,
        }

    def twin(self) -> House:
        """Another server of the same installation, on a port of its own; to be started and stopped by itself."""
        other = House(self.environment["GATEHOUSE_DATA_DIR"], workers=self.workers, environment=self.environment)
        other.password = self.password
        return other

    def manage(self, *command: str) -> str:
        """Run a command of manage.py on this installation and give back what it printed."""
        arguments = [sys.executable, "manage.py", *command]
        done = subprocess.run(arguments, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def start(self) -> None:
        serve = ["--config", "config/gunicorn.py", "--workers", str(self.workers), "--bind", f"127.0.0.1:{self.port}"]
        command = [sys.executable, "-m", "gunicorn", "config.asgi:application", *serve]
        self.server = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log)

    def stop(self) -> None:
        """End it in order, and not so where it does not come to an end."""
        self.server.send_signal(signal.SIGTERM)
        try:
            self.server.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End every web process at this very moment, as a crash or a power cut would."""
        children = self.processes()
        self.server.kill()
        for child in children:
            os.kill(child, signal.SIGKILL)
        self.server.wait()

    def processes(self) -> list[int]:
        """The web processes."""
        return [
            int(child) for child in Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        ]

    def processor_seconds(self) -> float:
        """What all web processes have spent so far, user and system."""
        ticks = 0
        for child in self.processes():
            # Fields 14 and 15 of proc(5) stat, counted behind the parenthesised name.
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> list[int]:
        """Resident memory of each web process."""
        pages = [int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in self.processes()]
        return [page * os.sysconf("SC_PAGE_SIZE") // 1_000_000 for page in pages]


@contextmanager
def house(
    *,
    workers: int,
    model_url: str,
    model: str,
    settings: dict[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[House]:
    """Start Gatehouse with `workers` web processes and `model` of the server at `model_url`; stop it at the end.

    What it logs goes into `log`, else to where this process writes.
    """
    local_model = {"LOCAL_MODEL_URL": model_url, "LOCAL_MODEL_KEY": "none", "LOCAL_MODEL_NAME": model}
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        place = House(folder, workers=workers, environment=local_model | (settings or {}), log=log)
        place.manage("migrate", "--verbosity=0")
        place.manage("init")
        place.manage("collectstatic", "--no-input", "--verbosity=0")
        place.start()
        try:
            yield place
        finally:
            place.stop()


@asynccontextmanager
async def signed_in(place: House) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with an open session of the first admin, ready to post: its CSRF token is among its headers."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(place.url, cookie_jar=jar, connector=connector) as client:
        await ready(client)
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


async def ready(client: aiohttp.ClientSession) -> None:
    """Wait until the house says that it is ready."""
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
