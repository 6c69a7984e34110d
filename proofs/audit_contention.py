"""Whether many writers of the trail at once ever deadlock, leave a gap or fork it, and how long they wait.

    .tools/bin/uv run python proofs/audit_contention.py [--quick]

Sixteen threads, each with a connection of its own, change rows in orders of their own (two rows of twelve, the lower
first as every action of the house locks them, some one event and some five) and record it as the last statement.
Runs on each server that answers, in a database of its own. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import fresh_database

WRITERS, ROWS = 16, 12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 acts each instead of 60")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    acts = 10 if options.quick else 60
    if options.child:
        return prove(acts)
    failed = False
    for vendor in ("PostgreSQL", "MariaDB"):
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database(vendor, folder=folder) as url:
            if not url:
                continue
            environment = os.environ | {
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "DEBUG": "true",
                "GATEHOUSE_DATA_DIR": folder,
                "DATABASE_URL": url,
                "DATABASE_POOL_SIZE": str(WRITERS + 2),
            }
            print(f"{vendor}: {WRITERS} writers, {acts} acts each", flush=True)
            # Each server in a process of its own: Django knows one database address for good.
            command = [sys.executable, __file__, "--child", *(["--quick"] if options.quick else [])]
            failed |= bool(subprocess.run(command, env=environment, check=False).returncode)
            print()
    return int(failed)


def prove(acts: int) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction
    from django.utils import timezone

    from settings_store import audit
    from settings_store.models import AuditEvent, LimitCounter

    call_command("migrate", verbosity=0)
    for number in range(ROWS):
        LimitCounter.objects.create(key=f"row {number}", window_ends=timezone.now())
    keys = list(LimitCounter.objects.order_by("pk").values_list("pk", flat=True))
    began = audit.head()[0]
    work: list[float] = []
    waits: list[float] = []
    failures: list[str] = []
    written = [0] * WRITERS

    def write(writer: int) -> None:
        chance = random.Random(writer)  # noqa: S311 - the same orders in every run
        try:
            for _ in range(acts):
                many = 5 if chance.random() < 0.2 else 1
                with transaction.atomic():
                    start = time.perf_counter()
                    for key in sorted(chance.sample(keys, 2)):
                        row = LimitCounter.objects.select_for_update().get(pk=key)
                        row.count += 1
                        row.save(update_fields=["count"])
                    middle = time.perf_counter()
                    audit.record_many([audit.Entry("thing.done", actor=None, after={"by": writer})] * many)
                    end = time.perf_counter()
                work.append(middle - start)
                waits.append(end - middle)
                written[writer] += many
        except Exception as error:
            failures.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = AuditEvent.objects.filter(sequence__gt=began).count()
    figures = (
        ("deadlocks and other failures", len(failures), 0),
        ("events lost or too many", abs(events - sum(written)), 0),
        ("gaps in the sequence", audit.head()[0] - began - events, 0),
        ("places where the chain is broken", sum(1 for _broken in audit.verify()), 0),
        ("rows that lost an update", abs(_counted(LimitCounter) - 2 * len(work)), 0),
    )
    for label, figure, floor in figures:
        print(f"  {label:<34} {figure:>8}   floor {floor}{'' if figure <= floor else '   MISSED'}")
    for label, times in (("the work itself, locks of rows", work), ("recording it, lock of the end", waits)):
        print(f"  {label:<34} {_percentile(times, 50):>8.1f} ms median, {_percentile(times, 95):.1f} ms 95th")
    for failure in failures[:3]:
        print(f"  {failure}")
    return 0 if all(figure <= floor for _label, figure, floor in figures) else 1


def _counted(counters: type) -> int:
    return sum(counters.objects.values_list("count", flat=True))  # type: ignore[attr-defined]  # a model


def _percentile(times: list[float], share: int) -> float:
    return 1000 * sorted(times)[len(times) * share // 100] if times else 0.0


if __name__ == "__main__":
    sys.exit(main())
