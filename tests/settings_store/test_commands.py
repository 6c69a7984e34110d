"""`settings_get`, `settings_list`, `settings_diff` and `settings_set`: what scripts ask and change."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from settings_store import actions
from settings_store.models import AuditEvent, OwnSetting, Protection, Setting, SettingVersion
from settings_store.store import get_setting


def run(*command: str) -> str:
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return give


def test_get_prints_the_value_alone(every_type: None) -> None:
    assert run("settings_get", "suite.integer") == "60\n"
    run("settings_set", "suite.integer", "70", "--environment", "staging")
    assert run("settings_get", "suite.integer", "--environment", "staging") == "70\n"
    assert run("settings_get", "suite.duration") == "12 h\n"
    assert json.loads(run("settings_get", "suite.decimal", "--json")) == {
        "key": "suite.decimal",
        "type": "decimal",
        "value": "0.5",
        "source": "default",
    }
    assert json.loads(run("settings_get", "suite.decimal", "--json", "--environment", "default"))["source"] == "code"


def test_what_breaks_tightened_rules_is_passed_over_as_readers_do(every_type: None) -> None:
    run("settings_set", "suite.integer", "70", "--environment", "default")
    run("settings_set", "suite.integer", "80")
    Setting.objects.filter(environment="production").update(value=5000)
    out, err = io.StringIO(), io.StringIO()
    call_command("settings_get", "suite.integer", stdout=out, stderr=err)
    assert out.getvalue() == f"{get_setting('suite.integer')}\n" == "70\n"
    assert "5000 is set, and passed over: At most 1,000." in err.getvalue()
    assert "suite.integer\t70\tdefault" in run("settings_list")
    assert "suite.integer" not in run("settings_diff", "production", "default")


def test_what_is_unset_is_not_what_is_empty(every_type: None, stdin: Callable[[str], None]) -> None:
    run("settings_set", "suite.text", "", "--environment", "staging")
    listed = dict(line.split("\t", 1) for line in run("settings_list", "--environment", "staging").splitlines())
    assert listed["suite.text"] == "\tset here"
    assert listed["suite.secret"] == "(not set)\t"
    err = io.StringIO()
    call_command("settings_get", "suite.secret", stdout=io.StringIO(), stderr=err)
    assert err.getvalue() == "suite.secret is not set in production.\n"
    assert json.loads(run("settings_get", "suite.secret", "--json"))["value"] is None


def test_a_waiting_change_is_told_beside_the_value(every_type: None) -> None:
    Protection.objects.create(key="suite.integer", by_name="somebody")
    actions.submit_change(actor=None, key="suite.integer", environment="production", value="70")
    out, err = io.StringIO(), io.StringIO()
    call_command("settings_get", "suite.integer", stdout=out, stderr=err)
    assert out.getvalue() == "60\n"
    assert "is proposed and waits" in err.getvalue()


def test_set_makes_a_version_of_the_system(every_type: None) -> None:
    assert run("settings_set", "suite.string", "loud", "--reason", "the nightly script") == ""
    assert get_setting("suite.string") == "loud"
    version = SettingVersion.objects.get()
    assert (version.actor_name, version.reason) == ("system", "the nightly script")
    run("settings_set", "suite.string", "--clear")
    assert get_setting("suite.string") == "quiet"


def test_a_secret_comes_by_stdin_and_leaves_with_a_note(every_type: None, stdin: Callable[[str], None]) -> None:
    with pytest.raises(CommandError, match="standard input"):
        run("settings_set", "suite.secret", "wombat")
    stdin("wombat\n")
    run("settings_set", "suite.secret", "--stdin")
    assert get_setting("suite.secret") == "wombat"

    with pytest.raises(CommandError, match="--reveal"):
        run("settings_get", "suite.secret")
    assert "wombat" not in run("settings_list") + run("settings_list", "--json")
    assert "wombat" not in run("settings_diff", "production", "staging")
    assert not AuditEvent.objects.filter(action="secret.revealed").exists()
    assert run("settings_get", "suite.secret", "--reveal") == "wombat\n"
    event = AuditEvent.objects.get(action="secret.revealed")
    assert (event.actor_name, event.target_name) == ("system", "suite.secret (production)")
    # Among the events of the setting, where people look for it.
    assert event.target_id == str(Setting.objects.get(key="suite.secret").pk)
    assert "wombat" not in str(event.after)


def test_list_names_every_setting_with_its_source(every_type: None) -> None:
    run("settings_set", "suite.text", "one\ntwo", "--environment", "default")
    listed = dict(line.split("\t", 1) for line in run("settings_list").splitlines())
    assert listed["suite.integer"] == "60\tdefault"
    assert listed["suite.text"] == "one\\ntwo\tdefault"
    assert [line.split("\t")[0] for line in run("settings_list", "--differs").splitlines()] == ["suite.text"]


def test_diff_shows_both_sides(every_type: None) -> None:
    run("settings_set", "suite.integer", "70", "--environment", "staging")
    assert run("settings_diff", "staging", "production") == "suite.integer\n- 70\n+ 60\n"
    assert json.loads(run("settings_diff", "staging", "production", "--json")) == [
        {"key": "suite.integer", "staging": 70, "production": 60}
    ]
    with pytest.raises(CommandError, match="same environment"):
        run("settings_diff", "staging", "staging")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("settings_get", "suite.integr"), "Near it: suite.integer"),
        (("settings_set", "suite.integer", "many"), "suite.integer: Write a whole number"),
        (("settings_set", "suite.integer"), "Say which value"),
        (("settings_set", "suite.secret", "--clear", "--environment", "default"), "belongs to one environment"),
        (("settings_get", "suite.integer", "--environment", "moon"), "no environment 'moon'. There are default"),
        (("settings_get", "suite.integer", "--environment", "producton"), "Near it: production"),
        (("settings_list", "--environment", "moon"), "no environment 'moon'"),
        (("settings_diff", "moon", "staging"), "no environment 'moon'"),
        (("settings_get", "team.limt"), "Near it: team.limit"),
    ],
)
def test_a_slip_is_one_sentence(every_type: None, command: tuple[str, ...], words: str) -> None:
    OwnSetting.objects.create(key="team.limit", type="integer", label="Limit", category="Team", default=5)
    with pytest.raises(CommandError, match=words):
        run(*command)
    assert not Setting.objects.exists()


def test_a_protected_setting_asks_twice(every_type: None) -> None:
    Protection.objects.create(key="suite.integer", by_name="somebody")
    with pytest.raises(CommandError, match="--despite-protection"):
        run("settings_set", "suite.integer", "70")
    run("settings_set", "suite.integer", "70", "--despite-protection")
    assert get_setting("suite.integer") == 70


def test_a_secret_that_does_not_open_is_an_error(every_type: None) -> None:
    actions.change_setting(actor=None, key="suite.secret", environment="production", value="wombat")
    row = Setting.objects.get()
    Setting.objects.update(sealed=bytes(row.sealed or b"")[:-1] + b"\0")
    with pytest.raises(CommandError, match="was changed"):
        run("settings_get", "suite.secret", "--reveal")


def test_they_run_by_themselves_and_end(tmp_path: Path) -> None:
    """As a process of its own: no thread keeps it alive, errors go to standard error with code 1."""
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")}
    env |= {"GATEHOUSE_DATA_DIR": str(tmp_path), "DEBUG": "true", "LOG_LEVEL": "ERROR"}

    def manage(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "manage.py", *command]
        return subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False, **options)

    assert manage("migrate", "--verbosity=0").returncode == 0
    assert manage("settings_set", "chat.temperature", "--stdin", input="0.4\n").returncode == 0
    found = manage("settings_get", "chat.temperature")
    assert (found.returncode, found.stdout, found.stderr) == (0, "0.4\n", "")
    assert manage("settings_get", "chat.temperature", "--environment", "moon").returncode == 1
    wrong = manage("settings_get", "chat.temperatur")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Near it: chat.temperature" in wrong.stderr
