"""`make run`: prepare the installation where needed, then keep the server and the local model until told to stop.

With --dev a debug server that reloads, on the same data; with --manage a command of manage.py on it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import processes
from django.core.exceptions import ImproperlyConfigured
from local_model import MODEL_NAME, model_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from config import environment  # noqa: E402 - found only from here on

SCRIPTS = ROOT / "scripts"
LOG_BYTES = 5_000_000
START_SECONDS = 60
KEY_BYTES = 32
# An answer under way is let finish; whoever cannot wait asks a second time.
STOP_SECONDS = 25


WORKER = [sys.executable, "manage.py", "db_worker", "--queue-name", "*", "--no-reload", "--verbosity", "0"]
# One that cannot run is not started over and over at once.
WORKER_SECONDS = 10

RUNNING: list[subprocess.Popen[bytes]] = []
# The signals that asked us to end.
ORDERS: list[int] = []


class Stopped(Exception):  # an order, not an error
    """Somebody asked us to end."""


def main() -> int:
    os.chdir(ROOT)
    os.umask(0o077)
    dev = "--dev" in sys.argv[1:]
    try:
        data = Path(os.environ.get("GATEHOUSE_DATA_DIR") or "data").expanduser().resolve()
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.argv[1:2] == ["--manage"]:
            command = [sys.executable, "manage.py", *sys.argv[2:]]
            os.execve(sys.executable, command, _environment(data, dev=False))
        _listen_to_signals()
        port = _wanted_port()
        env = _environment(data, dev=dev)
        env.setdefault("PUBLIC_URL", f"http://127.0.0.1:{port}")
        with _log(data) as log:
            return _run(env, data=data, port=port, dev=dev, log=None if dev else log)
    except Stopped:
        return 0
    except ImproperlyConfigured as error:
        print(f"Gatehouse cannot start: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"Gatehouse cannot start: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr
        )
        return 1


def _run(env: dict[str, str], *, data: Path, port: int, dev: bool, log: IO[bytes] | None) -> int:
    running = RUNNING
    try:
        file = model_file() if os.environ.get("LOCAL_MODEL", "on") != "off" else None
        if file:
            model_port, key = _model_address(data)
            env |= {"LOCAL_MODEL_URL": f"http://127.0.0.1:{model_port}/v1", "LOCAL_MODEL_NAME": MODEL_NAME}
            env |= {"LOCAL_MODEL_PORT": str(model_port), "LOCAL_MODEL_KEY": key}
            model = [sys.executable, str(SCRIPTS / "local_model.py")]
            running.append(processes.start(model, env=env, output=log, ending=signal.SIGKILL))
        _prepare(env, data=data, dev=dev)
        server = processes.start(_server(port, dev=dev), env=env, output=log, ending=signal.SIGTERM)
        running.append(server)
        if not processes.wait_for_answer(port, process=server, seconds=START_SECONDS):
            raise SystemExit(f"The server did not start. The end of {_log_file(data)}:\n{_end_of_log(data)}")
        _say_where(data, port=port, model=bool(file))
        _wait(server, lambda: processes.start(WORKER, env=env, output=log, ending=signal.SIGTERM))
        raise SystemExit(f"The server ended by itself. The end of {_log_file(data)}:\n{_end_of_log(data)}")
    except Stopped:
        with contextlib.suppress(OSError):  # nobody may be there to read it
            print("Stopping; answers under way are finished first (Ctrl-C again: at once) …", flush=True)
        return 0
    finally:
        # The server first: answers on their way may still want the model.
        for process in reversed(running):
            processes.stop(process, seconds=STOP_SECONDS)


def _wait(server: subprocess.Popen[bytes], start_worker: Callable[[], subprocess.Popen[bytes]]) -> None:
    """Until the server ends, or the terminal is gone: `make` keeps the signal of that to itself.

    Meanwhile a worker sends letters and does what else may wait; should it end, another one begins.
    """
    terminal = select.poll()
    if sys.stdin.isatty():
        terminal.register(sys.stdin, 0)  # no event is asked for; that it hung up is always told
    worker, begun = start_worker(), time.monotonic()
    RUNNING.append(worker)
    while server.poll() is None:
        if ORDERS or terminal.poll(500):
            raise Stopped
        if worker.poll() is not None and time.monotonic() - begun > WORKER_SECONDS:
            RUNNING.remove(worker)
            worker, begun = start_worker(), time.monotonic()
            RUNNING.append(worker)


def _listen_to_signals() -> None:
    """End in order on Ctrl-C, on SIGTERM, when the terminal closes, and when `make` is killed."""

    def order(number: int, frame: object) -> None:
        for each in signals:
            signal.signal(each, at_once)
        # Raised while a process is being forked, it would be swallowed there; so it is written down as well.
        ORDERS.append(number)
        raise Stopped

    def at_once(number: int, frame: object) -> None:
        for process in RUNNING:
            process.kill()

    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks us to outlive the terminal
        signals.append(signal.SIGHUP)
    for each in signals:
        signal.signal(each, order)
    if os.environ.get("MAKELEVEL"):
        processes.end_with_parent(signal.SIGTERM)


def _wanted_port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise SystemExit(f"PORT must be a number from 1 to 65535, not {text!r}.")
    if problem := processes.port_problem(int(text)):
        raise SystemExit(problem)
    return int(text)


def _environment(data: Path, *, dev: bool) -> dict[str, str]:
    """The environment of everything we start: safe on loopback, with keys made once where none are given."""
    env = dict(os.environ)
    env["GATEHOUSE_DATA_DIR"] = str(data)
    env["DEBUG"] = "true" if dev else "false"
    env.setdefault("HTTPS_ONLY", "false")
    env["PYTHONUNBUFFERED"] = "1"
    for name, value in _keys(data).items():
        env[name] = os.environ.get(name) or value
    _check_encryption_key(
        env["DATABASE_ENCRYPTION_KEY"], given=bool(os.environ.get("DATABASE_ENCRYPTION_KEY")), data=data
    )
    return env


def _check_encryption_key(text: str, *, given: bool, data: Path) -> None:
    """Refuse one that cannot be a key before anything is started; the sentence never holds it."""
    where = "" if given else f" in {data / 'keys.json'}"
    for number, part in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        try:
            length = len(base64.b64decode(part, validate=True))
        except ValueError:
            length = 0
        if length != KEY_BYTES:
            raise SystemExit(
                f"Key {number} of DATABASE_ENCRYPTION_KEY{where} is not base64 of exactly {KEY_BYTES} bytes."
            )


def _keys(data: Path) -> dict[str, str]:
    """SECRET_KEY and DATABASE_ENCRYPTION_KEY of this data folder, made at the first start."""
    file = data / "keys.json"
    if file.exists():
        try:
            kept = json.loads(file.read_text())
            return {name: str(kept[name]) for name in ("SECRET_KEY", "DATABASE_ENCRYPTION_KEY")}
        except (ValueError, KeyError, TypeError):
            raise SystemExit(f"{file} is damaged: it must hold SECRET_KEY and DATABASE_ENCRYPTION_KEY.") from None
    given = os.environ.get("SECRET_KEY") and os.environ.get("DATABASE_ENCRYPTION_KEY")
    if (data / "prepared").exists() and not given:
        raise SystemExit(
            f"{file} is gone, and what the database keeps sealed cannot be read without it. Put it back, or set "
            f"SECRET_KEY and DATABASE_ENCRYPTION_KEY, or start anew with another GATEHOUSE_DATA_DIR."
        )
    keys = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    _write_private(file, json.dumps(keys, indent=2))
    return keys


def _model_address(data: Path) -> tuple[int, str]:
    """Port and key of the local model, the same at every start while the port stays free."""
    file = data / "local-model.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    if known and not processes.port_problem(known["port"]):
        return known["port"], known["key"]
    known = {"port": processes.free_port(), "key": known.get("key") or secrets.token_urlsafe(32)}
    _write_private(file, json.dumps(known))
    return known["port"], known["key"]


def _prepare(env: Mapping[str, str], *, data: Path, dev: bool) -> None:
    """Migrate, initialise and collect static files, each unless that was done for exactly this state."""
    mark = data / "prepared"
    known = _read_mark(mark)
    database, static = _database_state(env), _static_state(data)
    commands = []
    if database is None or database != known.get("database"):
        commands += [["migrate", "--verbosity=0"], ["init"]]
    if not dev and (static is None or static != known.get("static")):
        commands += [["collectstatic", "--noinput", "--verbosity=0"]]
    if not commands:
        return
    print("Preparing the database and the pages …", flush=True)
    for command in commands:
        done = subprocess.run(
            [sys.executable, "manage.py", *command], env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            # The last line of a traceback is the sentence.
            lines = done.stdout.decode(errors="replace").strip().splitlines() or ["no reason was given"]
            with (data / "server.log").open("ab") as log:
                log.write(done.stdout)
            raise SystemExit(f"`manage.py {command[0]}` failed: {lines[-1]}")
    # A debug server reads static files where they lie, so those collected stay as old as they are.
    collected = known.get("static") if dev else _static_state(data)
    mark.write_text(json.dumps({"database": _database_state(env), "static": collected}))


def _read_mark(mark: Path) -> dict[str, str | None]:
    try:
        known: dict[str, str | None] = json.loads(mark.read_text())
    except (OSError, ValueError):
        return {}
    return known


def _database_state(env: Mapping[str, str]) -> str | None:
    """A fingerprint of what the database must be prepared for, and of what it says was done; None where it is mute.

    A database that was dropped, exchanged or put back from a backup says something else than it did at the last start.
    """
    applied = _applied_migrations()
    if applied is None:
        return None
    files = [ROOT / "uv.lock"]
    files += [file for name in ("migrations/*.py", "system_roles.py", "apps.py") for file in ROOT.glob(f"*/{name}")]
    words = [environment.database_url(), *(env.get(name, "") for name in ("LOCAL_MODEL_URL", "LOCAL_MODEL_KEY"))]
    return _digest(files, [*words, *applied])


def _applied_migrations() -> list[str] | None:
    import django
    from django.conf import settings
    from django.db import Error, connection

    # Asked without any apps: loading ours takes longer than everything else here.
    if not settings.configured:
        settings.configure(DATABASES={"default": environment.database()})
        django.setup()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name, applied FROM django_migrations ORDER BY app, name")
            return [" ".join(map(str, row)) for row in cursor.fetchall()]
    except Error:
        return None
    finally:
        connection.close()


def _static_state(data: Path) -> str | None:
    """A fingerprint of the static files; None where they do not lie collected."""
    root = Path(os.environ.get("STATIC_ROOT") or data / "static")
    if not (root / "staticfiles.json").exists():
        return None
    files = [file for file in (ROOT / "static").rglob("*") if file.is_file()]
    return _digest([ROOT / "uv.lock", *files], [str(root)])


def _digest(files: Iterable[Path], words: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    for word in words:
        digest.update(hashlib.sha256(word.encode()).digest())
    return digest.hexdigest()


def _server(port: int, *, dev: bool) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "config.asgi:application", "--config", "config/gunicorn.py"]
    command += ["--bind", f"127.0.0.1:{port}", "--graceful-timeout", str(STOP_SECONDS - 2)]
    if dev:
        command.append("--reload")
        for file in [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static").rglob("*.*")]:
            command += ["--reload-extra-file", str(file)]
    return command


def _say_where(data: Path, *, port: int, model: bool) -> None:
    """The five lines."""
    first = data / "first-sign-in.txt"
    sign_in = "with your own name and password"
    if first.exists() and sys.stdout.isatty():
        people = ", or ".join(" / ".join(line.split("\t")) for line in first.read_text().splitlines() if "\t" in line)
        sign_in = f"{people} (shown only now; to be changed at first sign-in)"
        first.unlink()
    elif first.exists():
        sign_in = f"names and first passwords are in {first}"
    if model:
        said = "SmolLM2-135M on this machine, a demo model of poor quality"
    elif find_spec("xllamacpp"):
        said = "turned off; add a model server under Models"
    else:
        said = "not installed; add a model server under Models"
    lines = {
        "Open": f"http://127.0.0.1:{port}",
        "Sign in": sign_in,
        "Model": said,
        "Data": f"{data} (log: {_log_file(data).name})",
        "Stop": "Ctrl-C",
    }
    print("\n".join(f"{name:<9}{text}" for name, text in lines.items()), flush=True)


def _log_file(data: Path) -> Path:
    return data / "server.log"


def _log(data: Path) -> IO[bytes]:
    file = _log_file(data)
    if file.exists() and file.stat().st_size > LOG_BYTES:
        file.replace(file.with_suffix(".log.1"))
    return file.open("ab")


def _end_of_log(data: Path) -> str:
    return processes.last_lines(_log_file(data))


def _write_private(file: Path, text: str) -> None:
    """Write through a new file of mode 600, so that nobody else ever reads it and a crash leaves the old one."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    new.replace(file)


if __name__ == "__main__":
    sys.exit(main())
