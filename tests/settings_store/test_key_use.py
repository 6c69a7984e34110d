"""What each key sealed is counted, and which keys are in use is known."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from settings_store import crypto, health, key_use
from settings_store.crypto import keyring, seal
from settings_store.models import KeyUse
from tests.settings_store.conftest import SPARE_KEY


@pytest.fixture(autouse=True)
def _nothing_counted_yet() -> None:
    crypto.take_counts()


def used() -> dict[str, int]:
    return dict(KeyUse.objects.values_list("key_id", "sealed_count"))


@pytest.mark.django_db
def test_every_value_sealed_is_counted_by_its_key(settings: Any) -> None:
    name = keyring().newest.id.hex()
    for _turn in range(3):
        seal(b"x", context="here")
    key_use.write_down()
    seal(b"x", context="here")
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: SPARE_KEY}
    seal(b"x", context="here")
    key_use.write_down()
    assert used() == {name: 4, keyring().newest.id.hex(): 1}
    key_use.write_down()
    assert used()[name] == 4


@pytest.mark.django_db
def test_a_process_says_which_keys_it_seals_with_before_it_does(settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {"production": SPARE_KEY, "staging": ""}
    key_use.write_down(announce=True)
    assert key_use.in_use() == {keyring().newest.id.hex()}
    assert used() == {keyring().newest.id.hex(): 0}


@pytest.mark.django_db
def test_what_cannot_be_written_down_is_kept_for_the_next_time() -> None:
    seal(b"x", context="here")

    def full(execute: Any, sql: str, *rest: Any) -> Any:
        raise OperationalError("database or disk is full")

    with connection.execute_wrapper(full), pytest.raises(OperationalError):
        key_use.write_down()
    assert sum(crypto.take_counts().values()) == 1


@pytest.mark.django_db(transaction=True)
def test_many_threads_lose_no_count() -> None:
    def work() -> None:
        for _turn in range(20):
            seal(b"x", context="here")
            key_use.write_down()
        connection.close()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    key_use.write_down()
    assert used() == {keyring().newest.id.hex(): 80}


@pytest.mark.django_db
def test_a_key_that_sealed_very_much_is_named_and_takes_nobody_out_of_service() -> None:
    name = keyring().newest.id.hex()
    KeyUse.objects.create(key_id=name, environment="production", sealed_count=2**31 - 1)
    assert health.key_use_trouble() == ""
    KeyUse.objects.update(sealed_count=2**31)
    assert name in health.key_use_trouble()
    assert "rotate_keys" in health.key_use_trouble()
    KeyUse.objects.update(key_id="00" * 8)
    assert health.key_use_trouble() == "", "a key that seals no more needs no newer one"


def test_a_process_that_ends_writes_down_what_it_sealed(tmp_path: Path) -> None:
    env = os.environ | {
        "GATEHOUSE_DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/ends.sqlite3",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    code = (
        "import django; django.setup()\n"
        "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
        "from settings_store.crypto import seal, take_counts; take_counts()\n"
        "import os\n"
        "[seal(b'x', context='here') for _ in range(5)]\n"
        "if os.fork() == 0: raise SystemExit  # a child has nothing of its parent's to write down\n"
        "os.wait()\n"
    )
    look = (
        "import django; django.setup()\n"
        "from settings_store.models import KeyUse; print(*KeyUse.objects.values_list('sealed_count', flat=True))\n"
    )
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)
    found = subprocess.run(
        [sys.executable, "-c", look], env=env, check=True, timeout=60, capture_output=True, text=True
    )
    assert found.stdout.strip() == "5"
