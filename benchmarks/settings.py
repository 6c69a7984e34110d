"""What reading a setting costs, warm, beside django-constance in one run, and how soon a change is seen elsewhere.

    uv run python benchmarks/settings.py [--quick]

The best of several rounds counts; each side reads a whole number. constance runs with its memory backend, which never
hears of other processes' changes, and with its database backend without a cache. Exits 1 where a figure misses its
floor.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SHARE_OF_MEMORY = 0.5
VISIBLE_SECONDS = 1.0
KEY = "chat.messages_per_minute"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        return watch()
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "true",
            "ENVIRONMENT": "production",
            "GATEHOUSE_DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/benchmark.sqlite3",
            "LOG_LEVEL": "ERROR",
        }
        return measure(*((3, 5) if options.quick else (20, 40)))


def measure(rounds: int, changes: int) -> int:
    import django
    from django.conf import settings

    settings.INSTALLED_APPS += ["constance"]
    settings.CONSTANCE_CONFIG = {"NUMBER": (60, "a whole number", int)}
    settings.CONSTANCE_BACKEND = "constance.backends.database.DatabaseBackend"
    settings.CONSTANCE_DATABASE_CACHE_BACKEND = None
    django.setup()
    from constance import config
    from constance import settings as constance
    from constance.base import Config
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from settings_store import definitions, store
    from settings_store.actions import change_setting
    from settings_store.store import get_setting

    call_command("migrate", verbosity=0)
    definitions.define("benchmark.secret", type="secret", default="", label="A secret", category="Benchmark")
    change_setting(actor=None, key=KEY, environment="production", value="60")
    change_setting(actor=None, key="benchmark.secret", environment="production", value="wombat")
    store.refresh()
    plain = _microseconds(lambda: get_setting(KEY), rounds)
    secret = _microseconds(lambda: get_setting("benchmark.secret"), rounds)
    with CaptureQueriesContext(connection) as queries:
        get_setting(KEY), get_setting("benchmark.secret")

    figures_of_peers = {}
    for name in ("memory.MemoryBackend", "database.DatabaseBackend"):
        constance.BACKEND = f"constance.backends.{name}"
        peer = Config()
        peer.NUMBER = 60
        figures_of_peers[name] = _microseconds(lambda peer=peer: peer.NUMBER, rounds, times=2_000)  # type: ignore[misc]
    del config
    memory, database = figures_of_peers.values()
    median, slowest = visible(changes)

    print(f"django-constance: memory {memory:.2f} µs, database {database:.0f} µs and a query for each reading\n")
    figures: list[tuple[str, float, float]] = [
        ("a plain setting, µs", plain, SHARE_OF_MEMORY * memory),
        ("a secret, µs", secret, SHARE_OF_MEMORY * memory),
        ("queries of both", len(queries), 0),
        ("seen elsewhere, slowest, s", slowest, VISIBLE_SECONDS),
    ]
    for label, figure, floor in figures:
        print(f"{label:<28} {figure:>8.3f}   floor {floor:.2f}{'' if figure <= floor else '   MISSED'}")
    print(f"{'seen elsewhere, median, s':<28} {median:>8.3f}")
    print(f"{'constance memory / plain':<28} {memory / plain:>8.1f} times")
    print(f"{'constance database / plain':<28} {database / plain:>8.0f} times")
    store.stop()
    return 0 if all(figure <= floor for _label, figure, floor in figures) else 1


def watch() -> int:
    """In a process of its own: each value with the moment it was first seen, until the pipe is closed."""
    import django

    django.setup()
    from settings_store.store import get_setting

    last = None
    while True:
        value = get_setting(KEY)
        if value != last:
            try:
                print(value, time.time(), flush=True)
            except BrokenPipeError:
                return 0
            last = value
        time.sleep(0.001)


def visible(changes: int) -> tuple[float, float]:
    from settings_store.actions import change_setting

    watcher = subprocess.Popen([sys.executable, __file__, "--watch"], stdout=subprocess.PIPE, text=True)
    assert watcher.stdout
    try:
        watcher.stdout.readline()
        took = []
        for number in range(changes):
            # At another moment of the quarter second each time.
            time.sleep(0.037 * (number % 7))
            change_setting(actor=None, key=KEY, environment="production", value=str(100 + number))
            written = time.time()
            while watcher.stdout.readline().split()[0] != str(100 + number):
                pass
            took.append(time.time() - written)
    finally:
        watcher.kill()
        watcher.wait()
    return statistics.median(took), max(took)


def _microseconds(act: Callable[[], object], rounds: int, times: int = 100_000) -> float:
    return 1e6 * min(timeit.repeat(act, number=times, repeat=rounds)) / times


if __name__ == "__main__":
    sys.exit(main())
