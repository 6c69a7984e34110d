"""Whether a full disk harms anything: a house on a small file system that is filled while people change settings.

    uv run python proofs/disk_full.py [--quick]

The data folder lies on a file system of a few megabytes in memory (root, or user namespaces, can make one; where
neither can, this says so and proves nothing). It is filled up to the last byte again and again: every change must then
be answered 503 in words or be made whole, reading must go on, and once there is room so must changes, by themselves.
At the end versions, events and the chain must agree. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.house import House, ready, signed_in

ROOT = Path(__file__).resolve().parent.parent
MEGABYTES = 24
KEY = "chat.max_output_tokens"
BACK_WITHIN_SECONDS = 5.0
WORDS = "disk of the database is full"


@dataclass
class Findings:
    answers: Counter[int] = field(default_factory=Counter)
    acknowledged: int = 0
    wordless: int = 0
    unreadable: int = 0
    never_full: int = 0
    slowest_back: float = 0.0


async def change(client: aiohttp.ClientSession, version: int) -> tuple[int, str]:
    form = {"value": str(1000 + version), "version": str(version), "reason": "filling the disk " * 20}
    address = f"/settings/{KEY}/change/?environment=production"
    async with client.post(address, data=form, allow_redirects=False, headers={"Accept": "text/html"}) as response:
        return response.status, await response.text()


async def version_now(client: aiohttp.ClientSession) -> int:
    async with client.get(f"/settings/{KEY}/?environment=production") as response:
        found = re.search(r'name="version" value="(\d+)"', await response.text())
        return int(found.group(1)) if found else -1


def fill(folder: Path) -> None:
    """Take what room there is, to the last byte."""
    with (folder / "ballast").open("ab", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)


async def fill_once(client: aiohttp.ClientSession, folder: Path, found: Findings) -> None:
    fill(folder)
    refused = 0
    for _try in range(60):
        version = await version_now(client)
        if version < 0:
            found.unreadable += 1
            break
        status, text = await change(client, version)
        found.answers[status] += 1
        if status == 302:
            found.acknowledged += 1
            fill(folder)
        elif status != 503 or WORDS not in text.replace("The disk", "disk"):
            found.wordless += 1
        else:
            refused += 1
            if refused >= 3:
                break
    found.never_full += not refused
    for page in ("/settings/", "/audit/", "/readyz", "/healthz"):
        async with client.get(page) as response:
            found.unreadable += response.status != 200
    (folder / "ballast").unlink()
    began = time.monotonic()
    while time.monotonic() - began < 4 * BACK_WITHIN_SECONDS:
        status, _text = await change(client, await version_now(client))
        if status == 302:
            found.acknowledged += 1
            break
        await asyncio.sleep(0.05)
    found.slowest_back = max(found.slowest_back, time.monotonic() - began)


async def fill_often(place: House, folder: Path, times: int) -> Findings:
    found = Findings()
    async with signed_in(place) as client:
        await ready(client)
        for _time in range(times):
            await fill_once(client, folder, found)
    return found


def prove(folder: Path, times: int) -> int:
    logs = folder.parent / "logs"
    place = House(str(folder), workers=2, environment={"STATIC_ROOT": str(folder.parent / "static")})
    place.manage("migrate", "--verbosity=0")
    place.manage("init")
    place.manage("collectstatic", "--no-input", "--verbosity=0")
    with logs.open("wb") as out:
        serve = ["--config", "config/gunicorn.py", "--workers", "2", "--bind", f"127.0.0.1:{place.port}"]
        command = [sys.executable, "-m", "gunicorn", "config.asgi:application", *serve]
        place.server = subprocess.Popen(command, cwd=ROOT, env=place.environment, stdout=out, stderr=out)
        try:
            found = asyncio.run(fill_often(place, folder, times))
        finally:
            place.stop()
    verified = place.manage("audit_verify").strip()
    counted = place.manage("shell", "--verbosity=0", "-c", COUNT).split()
    version, versions, events, integrity = int(counted[0]), int(counted[1]), int(counted[2]), counted[3]
    text = logs.read_text(errors="replace")
    print(f"{times} times full; answers {dict(found.answers)}; {verified}; {text.count(WORDS)} lines in the log\n")
    figures: list[tuple[str, float, float]] = [
        ("acknowledged changes lost", max(0, found.acknowledged - version), 0),
        ("changes without version", abs(version - versions), 0),
        ("changes without event", abs(version - events), 0),
        ("database not whole", integrity != "ok", 0),
        ("refusals without words", found.wordless, 0),
        ("pages that could not be read", found.unreadable, 0),
        ("times the disk did not become full", found.never_full, 0),
        ("tracebacks in the log", text.count("Traceback"), 0),
        ("slowest to go on by itself, s", found.slowest_back, BACK_WITHIN_SECONDS),
    ]
    for label, figure, floor in figures:
        print(f"{label:<36} {figure:>8.2f}   floor {floor:g}{'' if figure <= floor else '   MISSED'}")
    return 0 if all(figure <= floor for _label, figure, floor in figures) else 1


COUNT = f"""
from django.db import connection
from settings_store.models import AuditEvent, Setting, SettingVersion
row = Setting.objects.get(key="{KEY}")
cursor = connection.cursor()
cursor.execute("PRAGMA integrity_check")
print(row.version, SettingVersion.objects.filter(setting=row).count(),
      AuditEvent.objects.filter(action="setting.changed", target_id=str(row.pk)).count(), cursor.fetchone()[0])
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three times, under a minute, instead of fifty")
    parser.add_argument("--mounted", help=argparse.SUPPRESS)
    options = parser.parse_args()
    times = 3 if options.quick else 50
    if os.environ.pop("DATABASE_URL", ""):
        print("On SQLite in the data folder, whatever DATABASE_URL says.")
    if options.mounted:
        return mounted(Path(options.mounted), times)
    with tempfile.TemporaryDirectory(prefix="gatehouse-disk-") as name:
        folder = Path(name) / "data"
        folder.mkdir()
        # In a namespace of its own, so that the file system is gone with the process however it ends.
        again = [sys.executable, __file__, "--mounted", str(folder), *(["--quick"] if options.quick else [])]
        for unshare in (["unshare", "-m"], ["unshare", "-Urm"]):
            if shutil.which("unshare") and _may([*unshare, "mount", "-t", "tmpfs", "tmpfs", str(folder)]):
                return subprocess.run([*unshare, *again]).returncode
    print("Not proved: this machine lets nobody here mount a small file system (neither root nor user namespaces).")
    return 0


def mounted(folder: Path, times: int) -> int:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)], check=True)
    return prove(folder, times)


def _may(command: list[str]) -> bool:
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
