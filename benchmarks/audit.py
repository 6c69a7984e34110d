"""What the trail costs: appending to it, verifying it, and every page of it when it is long. Needs PostgreSQL.

    .tools/bin/uv run python benchmarks/audit.py [--quick | --events N]

Works in a database of its own and drops it at the end. Pages are whole HTML through Django's test client, the best of
five on a warm connection, for absent, rare and common words, each filter, and the deepest page. Exits 1 where a page
takes longer than its floor.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import fresh_database

WRITERS = 16
PAGE_MS = 100.0
TRAIL, HEAD = "settings_store_auditevent", "settings_store_audithead"
ACTS = "{session.signed_in,conversation.opened,setting.changed,provider.updated,prompt.updated,role.assigned}"
FILL = f"""
INSERT INTO {TRAIL} (sequence, at, environment, action, actor_id, actor_name, impersonator_id, impersonator_name,
    target_type, target_id, target_name, before, after, reason, address, user_agent, request_id, session_id, key_id,
    chain_key_id, previous_hash, hash)
SELECT n, timestamptz '2025-01-01' + n * interval '6 seconds',
    CASE WHEN n %% 1000 = 0 THEN 'staging' ELSE 'production' END,
    ('{ACTS}'::text[])[1 + n * 7919 %% 6], n * 7 %% 2000, 'Person ' || n * 7 %% 2000,
    CASE WHEN n %% 5000 = 0 THEN 3 END,
    CASE WHEN n %% 5000 = 0 THEN 'Maren Holt' ELSE '' END,
    ('{{accounts.user,chat.conversation,settings_store.setting,chat.provider}}'::text[])[1 + n %% 4],
    md5((n %% 200000)::text), 'Object about ' || ('{{invoices,tariffs,contracts,meters}}'::text[])[1 + n %% 4],
    CASE WHEN n %% 3 = 0 THEN jsonb_build_object('value', 'old' || n %% 977) END,
    jsonb_build_object('value', 'new' || n %% 983, 'environment', 'production', 'device', 'Firefox on Linux'),
    CASE WHEN n %% 10 = 0 THEN 'customer called about case ' || n %% 40000
        WHEN n %% 100000 = 7 THEN 'quixotic' ELSE '' END,
    ('10.' || n %% 4 || '.' || n %% 200 || '.' || n %% 250)::inet, 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
    'req_' || left(md5('r' || n / 3), 16), md5('s' || n %% 5000), '', %s,
    md5('p' || n) || md5('q' || n),
    md5('p' || n + 1) || md5('q' || n + 1)
FROM generate_series(%s::bigint, %s) AS n
"""  # noqa: S608 - constants of this file
PAGES = {
    "the first page": "",
    "the deepest page": "after=60",
    "a word that is nowhere": "q=zzabsent",
    "a rare word": "q=quixotic",
    "a common word": "q=customer",
    "a word in every event": "q=firefox",
    "a common word and a number": "q=case+12345",
    "a beginning and a number": "q=pers*+1995",
    "two common words": "q=firefox+setting",
    "two that never meet": "q=tariffs+invoices",
    "two beginnings": "q=old5*+tari*",
    "three common words": "q=case+customer+meters",
    "two filters that never meet": "environment=staging&target_type=chat.conversation",
    "a filter and a word, never": "target_type=chat.conversation&q=invoices",
    "a person and a common word": "actor_id=77&q=firefox",
    "a name and a rare word": "actor=Maren&q=quixotic",
    "an act and a common word": "action=setting.&q=meters",
    "an object and a word": "target_type=chat.conversation&target_id=c4ca4238a0b923820dcc509a6f75849b&q=tariffs",
    "days and a common word": "since=2025-02-01&until=2025-02-02&q=meters",
    "who": "actor=Person+77",
    "who, some of the events": "actor=Maren",
    "who, nobody": "actor=zznobody",
    "a group of acts": "action=setting.",
    "one act": "action=role.assigned",
    "a kind of object": "target_type=chat.provider",
    "one object": "target_type=chat.conversation&target_id=c4ca4238a0b923820dcc509a6f75849b",
    "two days": "since=2025-02-01&until=2025-02-02",
    "an address": "address=10.1.1.1",
    "a rare environment": "environment=staging",
    "a request": "request=req_0123456789abcdef",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 events instead of 5,000,000")
    parser.add_argument("--events", type=int, default=5_000_000, help="how many for the pages (5,000,000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database("PostgreSQL", folder=folder) as url:
        if not url:
            return 0
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "false",
            "SECRET_KEY": "only for this measurement, which no browser ever sees",
            "DATABASE_ENCRYPTION_KEY": "bWVhc3VyZS1tZWFzdXJlLW1lYXN1cmUtbWVhc3VyZS0=",
            "ALLOWED_HOSTS": "testserver",
            "HTTPS_ONLY": "false",
            "LOG_LEVEL": "CRITICAL",
            "GATEHOUSE_DATA_DIR": folder,
            "DATABASE_URL": url,
            "DATABASE_POOL_SIZE": str(WRITERS + 2),
        }
        return measure(20_000 if options.quick else options.events, quick=options.quick)


def measure(events: int, *, quick: bool) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from settings_store.trail.words import drop_words

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    each = 10 * WRITERS if quick else 4096
    print(f"appending, one writer       {_appends(1, each):>10,.0f} a second")
    print(f"appending, {WRITERS} writers      {_appends(WRITERS, each // WRITERS):>10,.0f} a second")
    drop_words(connection)
    print(f"the same without the search {_appends(1, each):>10,.0f} a second")
    print(f"                            {_appends(WRITERS, each // WRITERS):>10,.0f} a second")
    print(f"verifying                   {_verified(10_000 if quick else 1_000_000):>10,.0f} a second", flush=True)
    _fill(events)
    missed = _pages(events)
    connection.close()
    # So that nobody asks a database that is about to be dropped.
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL alone
    return missed


def _appends(writers: int, each: int) -> float:
    from django.db import connection, transaction

    from settings_store import audit

    def write() -> None:
        for number in range(each):
            with transaction.atomic():
                audit.record("thing.done", actor=None, target_name="a thing", before={"n": 0}, after={"n": number})
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(writers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return writers * each / (time.perf_counter() - began)


def _verified(wanted: int) -> float:
    from django.db import transaction

    from settings_store import audit

    entry = audit.Entry("thing.done", actor=None, target_name="a thing", before={"n": 1}, after={"n": 2, "why": "so"})
    while audit.head()[0] < wanted:
        with transaction.atomic():
            audit.record_many([entry] * 5000)
    began = time.perf_counter()
    if next(audit.verify(), None) is not None:
        raise RuntimeError("the trail does not hold")
    return audit.head()[0] / (time.perf_counter() - began)


def _fill(events: int) -> None:
    from django.db import connection

    from settings_store import audit
    from settings_store.crypto import keyring
    from settings_store.trail.words import INDEX, create_words

    with connection.cursor() as cursor:
        cursor.execute(FILL, [keyring().newest.id.hex(), audit.head()[0] + 1, events])
        cursor.execute(f"UPDATE {HEAD} SET sequence = %s, hash = repeat('0', 64)", [events])  # noqa: S608
        began = time.perf_counter()
        create_words(connection)
        took = time.perf_counter() - began
        cursor.execute(f"VACUUM ANALYZE {TRAIL}")
        cursor.execute("SELECT pg_total_relation_size(%s), pg_total_relation_size(%s)", [INDEX, TRAIL])
        words, trail = cursor.fetchone()
    print(
        f"the search made anew        {took:>10,.0f} s, "
        f"{words / events:,.0f} bytes an event beside {(trail - words) / events:,.0f} of the trail"
    )


def _pages(events: int) -> int:
    from django.test import Client

    from accounts.actions.user import create_user
    from rbac.actions.assignment import assign_role
    from rbac.actions.seeding import seed_system_roles
    from rbac.models import Role

    seed_system_roles()
    user = create_user(actor=None, username="reader", email="reader@house.example", must_change_password=False)
    assign_role(actor=None, user=user, role=Role.objects.get(name_key="viewer"))
    client = Client()
    client.force_login(user)
    missed = False
    print(f"\npages of a trail of {events:,} events, best and median of five, ms")
    for label, query in PAGES.items():
        times = sorted(_milliseconds(lambda query=query: client.get(f"/audit/?{query}").status_code) for _ in range(5))  # type: ignore[misc]
        late = times[0] > PAGE_MS
        missed |= late
        print(
            f"{label:<28} {times[0]:>8.1f} {statistics.median(times):>8.1f}   "
            f"floor {PAGE_MS:g}{'   MISSED' if late else ''}",
            flush=True,
        )
    return int(missed)


def _milliseconds(act: Callable[[], int]) -> float:
    began = time.perf_counter()
    if act() != 200:
        raise RuntimeError("the page was not shown")
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
