"""When flags were evaluated is written down, and what was asked for in vain, without filling the table."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from settings_store import flags, key_use
from settings_store.actions import archive_flag
from settings_store.flag import snapshot, use
from settings_store.flag.evaluation import Flag as EvaluatedFlag
from settings_store.flags import flag_enabled, flag_variant
from settings_store.models import Flag, FlagUse

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

type MakeFlag = Callable[..., Flag]


def missed() -> dict[str, int]:
    return {found.key: found.count for found in use.unknown_flags()}


def test_the_last_evaluation_is_known_to_the_minute(make_flag: MakeFlag) -> None:
    make_flag("asked", on=True)
    make_flag("silent", on=True)
    with time_machine.travel(NOON, tick=False):
        flag_enabled("asked")
        use.write_down()
    assert use.last_evaluated(["asked", "silent"]) == {"asked": NOON}
    later = NOON + timedelta(minutes=5)
    with time_machine.travel(later, tick=False):
        flag_enabled("asked")
        use.write_down()
    assert use.last_evaluated(["asked"]) == {"asked": later}
    assert use.last_evaluated(["asked"], "staging") == {}
    assert use.last_evaluated(["asked"], "default") == {"asked": later}, "the common rules run nowhere but elsewhere"


def test_a_variant_and_a_flag_that_another_needs_are_evaluations_too(make_flag: MakeFlag) -> None:
    make_flag("ground", on=True)
    make_flag("floor", on=True, needs=["ground"])
    make_flag("words", "string", on=True, needs=["floor"], variants=[{"name": "a", "value": "x", "weight": 10_000}])
    assert flag_variant("words") == "x"
    use.write_down()
    assert use.last_evaluated(["ground", "floor", "words"]).keys() == {"ground", "floor", "words"}


def test_nothing_is_asked_of_the_database_where_nobody_asked_for_a_flag(make_flag: MakeFlag) -> None:
    make_flag("silent", on=True)
    with CaptureQueriesContext(connection) as nothing:
        use.write_down()
    assert len(nothing) == 0


def test_busy_flags_cost_one_question_and_many_no_more_than_one(make_flag: MakeFlag) -> None:
    keys = [f"flag-{number}" for number in range(30)]
    for key in keys:
        make_flag(key)
    for key in keys:
        flag_enabled(key)
    use.write_down()
    for key in keys:
        flag_enabled(key)
    with CaptureQueriesContext(connection) as again:
        use.write_down()
    assert len(again) == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        for key in keys:
            flag_enabled(key)
        with CaptureQueriesContext(connection) as later:
            use.write_down()
    assert len([query for query in later if "SAVEPOINT" not in query["sql"]]) == 3


def test_unknown_flags_are_counted_until_somebody_makes_them(make_flag: MakeFlag) -> None:
    for _turn in range(3):
        assert flag_enabled("new-search", default=True) is True
    assert flag_variant("other", default="x") == "x"
    use.write_down()
    flag_enabled("new-search")
    use.write_down()
    assert missed() == {"new-search": 4, "other": 1}
    make_flag("new-search")
    assert missed() == {"other": 1}


def test_an_archived_flag_that_is_still_asked_for_is_unknown(make_flag: MakeFlag, settle: Callable[[], None]) -> None:
    make_flag("old", on=True)
    archive_flag(actor=None, key="old")
    settle()
    assert flag_enabled("old") is False
    use.write_down()
    assert missed() == {"old": 1}


@pytest.mark.usefixtures("make_flag")
def test_names_that_no_database_keeps_are_kept_readable() -> None:
    for name in ("nul\0", "half \ud800", "x" * 500, "Ünïcode 🐙", ""):
        flag_enabled(name)
    use.write_down()
    assert {found.key[:20] for found in use.unknown_flags()} == {"nul", "half ?", "x" * 20, "Ünïcode 🐙", ""}


def test_on_no_database_a_wrong_spelling_counts_for_the_flag(make_flag: MakeFlag) -> None:
    flag_enabled("New-Search")
    use.write_down()
    make_flag("new-search", on=True)
    assert use.last_evaluated(["new-search"]) == {}
    flag_enabled("new-search")
    use.write_down()
    assert use.last_evaluated(["new-search"]).keys() == {"new-search"}
    assert missed() == {"New-Search": 1}


@pytest.mark.usefixtures("make_flag")
def test_names_at_random_fill_neither_memory_nor_table() -> None:
    for _turn in range(3):
        flag_enabled("wanted")
    use.write_down()
    for batch in range(3):
        for number in range(flags.MOST_UNKNOWN + 50):
            flag_enabled(f"random-{batch}-{number}")
        assert len(flags.unknown) <= flags.MOST_UNKNOWN
        use.write_down()
    assert len(use.unknown_flags()) == FlagUse.objects.count() == use.KEPT_UNKNOWN
    assert missed()["wanted"] == 3, "the rarest go first"


def test_what_cannot_be_written_down_is_kept_for_the_next_time(make_flag: MakeFlag) -> None:
    make_flag("asked", on=True)
    flag_enabled("asked")
    flag_enabled("missing")

    def full(execute: Any, sql: str, *rest: Any) -> Any:
        raise OperationalError("database or disk is full")

    with connection.execute_wrapper(full), pytest.raises(OperationalError):
        use.write_down()
    use.write_down()
    assert use.last_evaluated(["asked"])
    assert missed() == {"missing": 1}


@pytest.mark.django_db(transaction=True)
def test_processes_that_write_at_once_lose_nothing_and_never_wait_for_each_other(make_flag: MakeFlag) -> None:
    keys = [f"flag-{number}" for number in range(20)]
    for key in keys:
        make_flag(key)
    troubles: list[Exception] = []

    def work(turn: int) -> None:
        # What another process has in hand, in an order of its own.
        mine = keys if turn % 2 else keys[::-1]
        try:
            for _round in range(10):
                use._write_asked(set(mine))
                use._write_missed(Counter({f"?{name}": 1 for name in mine}))
                FlagUse.objects.filter(unknown_count=0).update(last_at=NOON - timedelta(days=1))
        except OperationalError as error:
            troubles.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert set(FlagUse.objects.filter(key__startswith="?").values_list("unknown_count", flat=True)) == {40}
    assert use.last_evaluated(keys).keys() == set(keys)


def test_every_round_of_a_process_writes_it_down() -> None:
    assert use.write_down in [act for _trouble, act in key_use._acts]


def test_a_round_that_fails_says_what_failed_once_and_keeps_the_rest(caplog: Any, make_flag: MakeFlag) -> None:
    make_flag("asked", on=True)
    flag_enabled("asked")

    def no_room(execute: Any, sql: str, *rest: Any) -> Any:
        if "flaguse" in sql:
            raise OperationalError("database or disk is full")
        return execute(sql, *rest)

    with connection.execute_wrapper(no_room):
        for _round in range(2):
            for trouble, act in key_use._acts:
                key_use._try(trouble, act)
    said = [record.getMessage() for record in caplog.records if record.name == "settings_store.key_use"]
    assert said == ["The use of flags could not be written down: OperationalError"]
    key_use._try(*next(each for each in key_use._acts if each[1] is use.write_down))
    assert use.last_evaluated(["asked"])


@pytest.mark.usefixtures("make_flag")
def test_names_asked_for_from_outside_push_out_none_of_the_house() -> None:
    names = [f"house-{number}" for number in range(use.KEPT_UNKNOWN)]
    for name in names:
        flag_enabled(name)
    for _turn in range(3):
        for number in range(flags.MOST_OUTSIDE + 50):
            flags.find(f"outside-{number}", outside=True)
    assert len(flags.unknown_outside) == flags.MOST_OUTSIDE
    use.write_down()
    found = missed()
    assert set(names) <= found.keys()
    assert len(found) == use.KEPT_UNKNOWN + use.KEPT_OUTSIDE
    for _turn in range(4):
        flags.find("house-1", outside=True)
    use.write_down()
    assert missed()["house-1"] == 5, "whoever asks, it is one flag that is not there"


def test_a_long_chain_of_flags_is_written_down(make_flag: MakeFlag) -> None:
    make_flag("chain-0", on=True)
    chain = [snapshot.current.flags["chain-0"]]
    for number in range(1, 3000):
        chain.append(EvaluatedFlag(f"chain-{number}", is_on=True, needs=(chain[-1],)))
    found: set[str] = set()
    use._with_needs(chain[-1], found)
    assert len(found) == 3000


def test_a_process_that_ends_writes_down_what_it_saw(tmp_path: Path) -> None:
    env = os.environ | {
        "GATEHOUSE_DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/ends.sqlite3",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    code = (
        "import django; django.setup()\n"
        "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
        "from settings_store.actions import Description, create_flag\n"
        "from settings_store.flag.rules import FlagType\n"
        "create_flag(actor=None, key='asked', kind=FlagType.BOOLEAN, description=Description(label='Asked'))\n"
        "from settings_store.flags import flag_enabled\n"
        "flag_enabled('asked'); flag_enabled('missing')\n"
        "import os\n"
        "if os.fork() == 0: raise SystemExit  # a child has nothing of its parent's to write down\n"
        "os.wait()\n"
    )
    look = (
        "import django; django.setup()\n"
        "from settings_store.models import FlagUse\n"
        "print(sorted(FlagUse.objects.values_list('key', 'unknown_count')))\n"
    )
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)
    found = subprocess.run(
        [sys.executable, "-c", look], env=env, check=True, timeout=60, capture_output=True, text=True
    )
    assert found.stdout.strip() == "[('?missing', 1), ('asked', 0)]"
