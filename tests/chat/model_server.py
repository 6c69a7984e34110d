"""Starts the misbehaving model server beside a test."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]


class ModelServer:
    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.address}/v1"

    def open_connections(self) -> int:
        with urlopen(f"{self.address}/connections") as answer:  # noqa: S310 - our own address
            return int(answer.read())

    def wait_until_idle(self, seconds: float = 5) -> None:
        """Fails where a socket is still open after `seconds`."""
        end = time.monotonic() + seconds
        while self.open_connections():
            assert time.monotonic() < end, "a connection to the model server was never closed"
            time.sleep(0.01)


@contextmanager
def running_model_server() -> Iterator[ModelServer]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_model_server"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield ModelServer(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
