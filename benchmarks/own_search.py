"""What a person's own search and list cost where they have very many conversations, and the branch of a long one.

    uv run python benchmarks/own_search.py [--quick]

On databases of its own: SQLite with 10,000 conversations (100,000 messages), then 100,000 of them (1,000,000) there and
on PostgreSQL and MariaDB where a server answers. What is measured is what a page asks of the database and makes of it:
the newest hundred and their snippets, best of several rounds on a warm connection. Floors are for 10,000 conversations
on SQLite; exits 1 where one is missed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from accounts.models import User
    from chat.models import Conversation

SEARCH_MS, LIST_MS, BRANCH_MS = 20.0, 20.0, 30.0
MESSAGES = 10
SHOWN = 100
TURNS = 10_000
SEARCHES = {
    "a word that is nowhere": "zzabsent",
    "a word of one message": '"quixotic"',
    "a word of every tenth conversation": '"refund"',
    "a word of every message": '"house"',
    "a word of the older half alone": '"formerly"',
    "two words that never meet": '"refund" "deposit"',
    "a beginning": "wor",
    "a phrase": '"the house"',
    "a word and a day": 'after:2026-01-01 "refund"',
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="less than a minute: SQLite with 2,000 conversations alone"
    )
    parser.add_argument("--only", metavar="NAME", help="SQLite, PostgreSQL or MariaDB")
    parser.add_argument("--here", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return measure(options.here, options.size)
    from benchmarks.databases import EVERY, fresh_database

    missed = 0
    sizes = [2000] if options.quick else [10_000, 100_000]
    names = EVERY[:1] if options.quick else (options.only,) if options.only else EVERY
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        for name in names:
            for size in sizes if name == "SQLite" else sizes[-1:]:
                with fresh_database(name, folder=folder) as url:
                    if url:
                        # A process of its own for each, because settings name one database.
                        command = [sys.executable, __file__, "--here", name, "--size", str(size)]
                        missed |= subprocess.run(command, env=_environment(url, folder), check=False).returncode
    return missed


def _environment(url: str, folder: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "false",
        "SECRET_KEY": "k" * 50,
        "DATABASE_ENCRYPTION_KEY": "YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcmstMDA=",
        "DATABASE_URL": url,
        "GATEHOUSE_DATA_DIR": folder,
        "ALLOWED_HOSTS": "testserver",
        "HTTPS_ONLY": "false",
        "LOG_LEVEL": "ERROR",
    }


def measure(name: str, size: int) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from accounts.models import User
    from chat.branches import branch_of
    from chat.models import Conversation
    from chat.search import own_matching, parse, snippets
    from chat.search.words import create_words, drop_words

    call_command("migrate", verbosity=0)
    reader, other = (User.objects.create(username=name, email=f"{name}@x.example") for name in ("reader", "other"))
    drop_words(connection)
    make_conversations(reader, size)
    make_conversations(other, size // 10)
    long = make_line(reader, TURNS)
    begun = time.perf_counter()
    create_words(connection)
    print(f"\n{name}: {size:,} conversations of one person, {size * MESSAGES:,} messages")
    print(f"{'words read in':<46}{time.perf_counter() - begun:>8.1f} s")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    def search(text: str) -> int:
        asked = parse(text)
        own = own_matching(reader, asked, Conversation.objects.kept_by(reader))
        rows = list(own.order_by("-last_message_at", "-pk")[:SHOWN])
        snippets(rows, asked)
        return len(rows)

    def newest() -> int:
        return len(Conversation.objects.kept_by(reader).order_by("-last_message_at", "-pk")[:SHOWN])

    counts = size <= 10_000 and name == "SQLite"
    missed = False
    for label, text in SEARCHES.items():
        missed |= _row(label, lambda text=text: search(text), SEARCH_MS, counts=counts)  # type: ignore[misc]
    missed |= _row("the newest hundred", newest, LIST_MS, counts=name == "SQLite")
    missed |= _row(f"the branch of {TURNS:,} messages", lambda: len(branch_of(long).turns), BRANCH_MS, counts=counts)
    connection.close()
    if connection.vendor == "postgresql":
        # So that nobody asks a database that is about to be dropped.
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL alone
    return int(missed)


def _row(label: str, act: Callable[[], int], floor: float, *, counts: bool) -> bool:
    found = act()
    took = min(_milliseconds(act) for _ in range(7))
    late = counts and took > floor
    note = f"   floor {floor:g}" if counts else ""
    print(f"{label:<46}{took:>8.1f} ms  {found:>4} shown{note}{'   MISSED' if late else ''}", flush=True)
    return late


def _milliseconds(act: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def make_conversations(owner: User, count: int) -> None:
    """Conversations a minute apart, of ten messages of forty words each, which are as common as words of a language."""
    from django.utils import timezone

    from chat.models import Conversation, Message

    chance, now = random.Random(3), timezone.now()  # noqa: S311 - a measurement, no secret
    words = [f"wor{number % 500}d{number}" if number % 40 == 0 else f"t{number}" for number in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    for first in range(0, count, 2000):
        numbers = range(first, min(first + 2000, count))
        conversations = Conversation.objects.bulk_create(
            Conversation(owner=owner, title=f"Talk {number}", last_message_at=now - timedelta(minutes=number))
            for number in numbers
        )
        said = iter(chance.choices(words, weights, k=len(numbers) * MESSAGES * 40))
        Message.objects.bulk_create(
            (
                Message(
                    conversation=conversation, role="user", content=_text(number, turn, said, older=number > count / 2)
                )
                for number, conversation in zip(numbers, conversations, strict=True)
                for turn in range(MESSAGES)
            ),
            batch_size=2000,
        )


def _text(number: int, turn: int, said: Any, *, older: bool) -> str:
    extra = ["the house"]
    if turn == 3 and number % 10 == 0:
        extra.append("refund")
    if turn == 4 and number % 7 == 0:
        extra.append("deposit")
    if turn == 5 and number == 77:
        extra.append("quixotic")
    if older:
        extra.append("formerly")
    return " ".join([*(next(said) for _ in range(40)), *extra])


def make_line(owner: User, length: int) -> Conversation:
    from django.db.models import F

    from chat.models import Conversation, Message

    conversation = Conversation.objects.create(owner=owner, title="Long")
    Message.objects.bulk_create(
        (Message(conversation=conversation, role="user", content="word " * 100) for _ in range(length)), batch_size=1000
    )
    keys = list(conversation.messages.order_by("pk").values_list("pk", flat=True))
    conversation.messages.filter(pk__gt=keys[0]).update(parent=F("pk") - 1)
    conversation.active_leaf_id = keys[-1]
    conversation.save(update_fields=["active_leaf"])
    return conversation


if __name__ == "__main__":
    sys.exit(main())
