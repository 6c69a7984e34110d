"""Processes that `make run` keeps: started in groups of their own, ended together, never outliving their parent."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


def end_with_parent(ending: signal.Signals) -> None:
    """Have the kernel send `ending` to this process when its parent dies, however it dies (Linux alone can)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ending)


def start(
    command: Sequence[str], *, env: Mapping[str, str], output: IO[bytes] | None, ending: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start `command` in a group of its own, so that Ctrl-C reaches only us and we end it in order."""
    return subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=lambda: end_with_parent(ending),  # one thread only, so nothing can hold a lock here
    )


def stop(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Ask the process to end, wait, and after `seconds` end it and whatever it left in its group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def port_problem(port: int) -> str:
    """Why nobody can listen on this port of 127.0.0.1; empty where it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return f"Port {port} needs the rights of root. Choose a higher one: make run PORT=8001"
        except OSError:
            return f"Port {port} is in use. Choose another one: make run PORT={port % 65535 + 1}"
    return ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_answer(port: int, *, process: subprocess.Popen[bytes], seconds: float) -> bool:
    """True once /healthz answers there; False when the process ended or the time is over."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=max(1, deadline - time.monotonic()))
        try:
            connection.request("GET", "/healthz")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            time.sleep(0.03)
        else:
            return True
        finally:
            connection.close()
    return False


def last_lines(file: Path, count: int = 15) -> str:
    lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    return "\n".join(lines[-count:])
