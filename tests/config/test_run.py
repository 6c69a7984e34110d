"""`make run`, as a newcomer meets it."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"SECRET_KEY", "DATABASE_ENCRYPTION_KEY", "DATABASE_URL", "HTTPS_ONLY", "DJANGO_SETTINGS_MODULE", "MAKELEVEL"}


def environment(data: Path, **more: str) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return env | {"GATEHOUSE_DATA_DIR": str(data), "LOCAL_MODEL": "off", **more}


def refused(data: Path, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, "scripts/run.py"], cwd=ROOT, env=environment(data, **more), capture_output=True, timeout=60
    )
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.count("\n") == 1, said
    return said


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(data: Path, port: int, **more: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The server with the lines it printed, once it says how to stop."""
    process = subprocess.Popen(
        [sys.executable, "scripts/run.py"],
        cwd=ROOT,
        env=environment(data, PORT=str(port), **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Stop"):
                break
        assert lines[-1:] == ["Stop     Ctrl-C"], lines
        yield process, lines
    finally:
        process.kill()
        process.wait()


def gone(port: int, *, seconds: float) -> bool:
    """True once nobody listens there any more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return True
    return False


def test_two_starts(tmp_path: Path, port: int) -> None:
    data = tmp_path / "data"
    with running(data, port) as (process, lines):
        assert f"Open     http://127.0.0.1:{port}" in lines
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").read() == b"ready"
        for name in ("keys.json", "first-sign-in.txt", "gatehouse.sqlite3", "server.log"):
            assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name
        keys = (data / "keys.json").read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert gone(port, seconds=1)
    with running(data, port) as (process, lines):
        assert len(lines) == 5, "the second start has nothing to prepare"
        assert (data / "keys.json").read_text() == keys
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert gone(port, seconds=1)


@pytest.fixture
def address(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """An empty database of one's own, of the vendor the suite runs on, as somebody names it by DATABASE_URL."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path}/elsewhere.sqlite3"
        return
    name = f"test_gatehouse_run_{os.getpid()}"
    with django_db_blocker.unblock():
        execute(f"CREATE DATABASE {name}")
        yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        execute(f"DROP DATABASE {name}")


def execute(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_a_database_of_ones_own_is_prepared_once_and_again_when_it_is_gone(
    tmp_path: Path, port: int, address: str
) -> None:
    data = tmp_path / "data"
    with running(data, port, DATABASE_URL=address) as (process, lines):
        assert any(line.startswith("Preparing") for line in lines)
        stop(process)
    with running(data, port, DATABASE_URL=address) as (process, lines):
        assert len(lines) == 5, "no command of manage.py may hold up a second start"
        stop(process)
    if address.startswith("sqlite"):
        for file in tmp_path.glob("elsewhere.sqlite3*"):
            file.unlink()
    else:
        name = urlsplit(address).path.removeprefix("/")
        execute(f"DROP DATABASE {name}")
        execute(f"CREATE DATABASE {name}")
    with running(data, port, DATABASE_URL=address) as (process, lines):
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").read() == b"ready"
        stop(process)


def test_another_server_is_prepared_though_an_old_file_lies_there(tmp_path: Path, port: int) -> None:
    data = tmp_path / "data"
    with running(data, port) as (process, _lines):
        stop(process)
    elsewhere = {"DATABASE_PROVIDER": "postgres", "DB_HOST": "127.0.0.1", "DB_PORT": "1"}
    assert "migrate` failed" in refused(data, PORT=str(port), **elsewhere)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death.")
def test_nothing_outlives_a_run_that_was_killed(tmp_path: Path, port: int) -> None:
    with running(tmp_path / "data", port) as (process, _lines):
        process.kill()
        process.wait()
        assert gone(port, seconds=20)


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(tmp_path, PORT=str(port)).startswith(f"Port {port} is in use.")


@pytest.mark.parametrize("port", ["none", "0", "65536", "-1", "８０００"])
def test_a_port_that_is_none_is_one_sentence(tmp_path: Path, port: str) -> None:
    assert "PORT must be a number from 1 to 65535" in refused(tmp_path, PORT=port)


def test_lost_keys_are_not_made_anew(tmp_path: Path, port: int) -> None:
    (tmp_path / "prepared").write_text("")
    assert "keys.json is gone" in refused(tmp_path, PORT=str(port))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("{", "is damaged: it must hold"),
        ('{"SECRET_KEY": "s"}', "is damaged: it must hold"),
        (
            '{"SECRET_KEY": "s", "DATABASE_ENCRYPTION_KEY": "c2hvcnQ="}',
            "keys.json is not base64 of exactly 32 bytes.",
        ),
    ],
)
def test_damaged_or_short_keys_are_one_sentence(tmp_path: Path, port: int, keys: str, words: str) -> None:
    (tmp_path / "keys.json").write_text(keys)
    said = refused(tmp_path, PORT=str(port))
    assert words in said
    assert "c2hvcnQ" not in said


def test_a_short_key_is_named_by_its_place(tmp_path: Path, port: int) -> None:
    good = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="
    said = refused(tmp_path, PORT=str(port), SECRET_KEY="s" * 50, DATABASE_ENCRYPTION_KEY=f"{good},c2hvcnQ=")
    assert said.startswith("Key 2 of DATABASE_ENCRYPTION_KEY is not base64 of exactly 32 bytes.")


def test_an_admin_address_that_will_not_do_is_one_sentence(tmp_path: Path, port: int) -> None:
    said = refused(tmp_path, PORT=str(port), GATEHOUSE_ADMIN_EMAIL="nobody")
    assert "GATEHOUSE_ADMIN_EMAIL will not do" in said


def test_started_by_hand_without_keys_the_server_names_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr
