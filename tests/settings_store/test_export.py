"""Settings leave as a file that reads back to the same values; secrets only under a passphrase."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from dotenv.parser import parse_stream
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from settings_store import actions
from settings_store.actions import transfer
from settings_store.definitions import Definition
from settings_store.models import AuditEvent, Setting
from settings_store.transfer import reading, writing
from settings_store.transfer.passphrase import Passphrase
from settings_store.transfer.writing import Taken
from settings_store.values import SettingType
from ui.forms import normalise

EXPORT, SECRETS = reverse("settings_store:export"), reverse("settings_store:export_secrets")
WHOLE = 2**53 - 1
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40)
PASSPHRASE = "a passphrase for the suite"


def export(client: Client, *environments: str, url: str = EXPORT, **fields: str) -> Any:
    fields = {"what": "own", "format": "yaml"} | fields
    return client.post(url, {"environments": environments or ("production",), **fields})


@pytest.fixture
def some(every_type: None) -> None:
    for key, value in (("suite.decimal", "0.70"), ("suite.duration", "30 min"), ("suite.secret", "wombat")):
        actions.change_setting(actor=None, key=key, environment="production", value=value)
    actions.change_setting(actor=None, key="suite.integer", environment="default", value="70")


def test_only_what_is_set_there_leaves_without_secrets(viewer: Client, some: None) -> None:
    answer = export(viewer)
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="settings-production.yaml"'
    assert yaml.safe_load(answer.content) == {
        "gatehouse": "settings/1",
        "environments": {"production": {"suite.decimal": 0.7, "suite.duration": "30 min"}},
        "left_out": ["suite.secret (production)"],
    }
    assert b"wombat" not in answer.content
    event = AuditEvent.objects.get(action="settings.exported")
    assert event.after == {
        "environments": ["production"],
        "format": "yaml",
        "what": "set there",
        "values": 2,
        "secrets": 0,
    }


def test_everything_that_holds_leaves_in_each_format(viewer: Client, some: None) -> None:
    found = json.loads(export(viewer, "default", "staging", what="held", format="json").content)
    assert found["environments"]["staging"]["suite.integer"] == 70
    assert found["environments"]["staging"]["suite.json"] == {"mode": "log"}
    assert found["environments"]["default"]["suite.decimal"] == "0.5"
    lines = export(viewer, "staging", what="held", format="env").content.decode().splitlines()
    assert "GATEHOUSE_SETTING_SUITE_INTEGER=70" in lines
    assert "GATEHOUSE_SETTING_SUITE_DURATION='12 h'" in lines


@pytest.mark.parametrize("format_", ["yaml", "json", "env"])
def test_secrets_leave_sealed_and_open_with_the_passphrase(
    admin: Client, some: None, step_up: Callable[[Client], None], format_: str
) -> None:
    step_up(admin)
    answer = export(admin, url=SECRETS, passphrase=PASSPHRASE, format=format_)
    assert answer.status_code == 200
    assert b"wombat" not in answer.content
    assert PASSPHRASE.encode() not in answer.content
    entries = {entry.key: entry for entry in reading.read(answer.content.decode(), format_, environment="production")}
    token = entries["suite.secret"].text
    assert token
    assert Passphrase(PASSPHRASE).open(token, key="suite.secret", environment="production") == "wombat"
    with pytest.raises(ValidationError, match="not the one"):
        Passphrase("another one altogether").open(token, key="suite.secret", environment="production")
    event = AuditEvent.objects.get(action="settings.exported")
    assert event.after is not None
    assert event.after["secrets"] == 1
    assert PASSPHRASE not in json.dumps(event.after)


def test_secrets_need_the_right_the_password_and_a_passphrase(
    admin: Client, operator: Client, viewer: Client, some: None, step_up: Callable[[Client], None]
) -> None:
    assert export(viewer, url=SECRETS, passphrase=PASSPHRASE).status_code == 403
    assert "/step-up/" in export(admin, url=SECRETS, passphrase=PASSPHRASE)["Location"]
    step_up(admin)
    short = export(admin, url=SECRETS, passphrase="short")
    assert (short.status_code, "At least 12 characters" in short.content.decode()) == (422, True)
    assert "only under a passphrase" in export(admin, url=SECRETS).content.decode()
    assert export(admin, passphrase=PASSPHRASE).status_code == 422
    assert not AuditEvent.objects.filter(action="settings.exported").exists()


def test_passphrases_are_limited(admin: Client, some: None, step_up: Callable[[Client], None]) -> None:
    step_up(admin)
    for _time in range(10):
        assert export(admin, url=SECRETS, passphrase=PASSPHRASE).status_code == 200
    refused = export(admin, url=SECRETS, passphrase=PASSPHRASE)
    assert refused.status_code == 429
    assert "many passphrases within a minute" in refused.content.decode()
    sealed = {"text": "suite.integer: 70", "environment": "production", "passphrase": PASSPHRASE}
    assert admin.post(reverse("settings_store:import_new"), sealed).status_code == 429
    # Without a passphrase nothing is costly.
    assert export(admin).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_while_secrets_are_sealed(some: None) -> None:
    """The key of a passphrase is made before anything is written, for SQLite lets one write at a time."""
    asked: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql.split(" ", 1)[0])
        return execute(sql, params, many, context)

    class Slow(Passphrase):
        def seal(self, secret: str, *, key: str, environment: str) -> str:
            assert not connection.in_atomic_block
            asked.append("seal")
            return super().seal(secret, key=key, environment=environment)

    with connection.execute_wrapper(note):
        transfer.export_settings(
            actor=None, environments=["production"], own_only=True, passphrase=Slow(PASSPHRASE), format_="yaml"
        )
    assert asked.index("seal") < asked.index("INSERT")


def test_the_page_and_its_slips(viewer: Client, person: Client, every_type: None) -> None:
    assert "Secrets stay out" in viewer.get(EXPORT).content.decode()
    assert person.get(EXPORT).status_code == 403
    two = export(viewer, "staging", "production", format="env")
    assert "room for one environment; choose one" in two.content.decode()
    assert viewer.post(EXPORT, {"what": "own", "format": "yaml"}).status_code == 422
    assert export(viewer, "moon").status_code == 422
    assert viewer.get(SECRETS).status_code in (403, 405)


def test_what_does_not_open_is_named_and_left_out(viewer: Client, some: None) -> None:
    Setting.objects.filter(key="suite.decimal").update(value="much")
    assert "suite.decimal (production)" in yaml.safe_load(export(viewer).content)["left_out"]


def sourced(written: str, names: Iterable[str]) -> dict[str, str]:
    """What a shell holds after it has read the file, its environment empty and its folder not to be written to."""
    lines = [f'[ -z "${{{name}+x}}" ] || printf "%s\\0%s\\0" {name} "${name}"' for name in names]
    script = "\n".join([written, *lines])
    shell = subprocess.run(["/bin/sh", "-eu"], input=script.encode(), capture_output=True, env={}, check=True)
    assert not shell.stderr
    parts = shell.stdout.decode().split("\0")[:-1]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "it's",
        'say "it\'s"',
        "$(touch run)",
        "`touch run`",
        "a\nb",
        "'; touch run; '",
        '"; touch run; "',
        "\\",
        "back\\",
        "a\\\\b",
        "\\n",
        "${HOME}",
        "!!",
        "~",
        "a # b",
        "it's $(touch run)",
        "it's `touch run`",
        "\\\\$(touch run)",
    ],
)
def test_a_shell_reads_the_same_and_runs_nothing(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kinds = (SettingType.TEXT, SettingType.JSON)
    made = [Definition(f"suite.{kind}", kind, None, "x", "x", required=False) for kind in kinds]
    written = writing.write(Taken({"staging": [(made[0], text), (made[1], [text])]}), "env")
    read = {line.key: line.value for line in parse_stream(StringIO(written)) if line.key is not None}
    assert sourced(written, [each.variable for each in made]) == read
    assert not list(tmp_path.iterdir())
    # Where no quotes mean the same to both, it is left out by name.
    assert read.get(made[0].variable) == text or "# left out: suite.text" in written
    assert json.loads(str(read[made[1].variable])) == [text]


@pytest.mark.parametrize("format_", ["yaml", "json", "env"])
@given(
    text=WORDS,
    number=st.integers(-WHOLE, WHOLE),
    fraction=st.decimals(-1000, 1000, places=3),
    flag=st.booleans(),
    seconds=st.integers(0, 10**8),
    structure=st.recursive(
        st.none() | st.booleans() | st.integers(-WHOLE, WHOLE) | WORDS.map(normalise),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS.map(normalise), inner, max_size=3),
        max_leaves=8,
    ),
)
@limits(max_examples=150, deadline=None)
def test_what_is_written_reads_back_the_same(
    format_: str, text: str, number: int, fraction: Decimal, flag: bool, seconds: int, structure: Any
) -> None:
    def definition(kind: SettingType) -> Definition:
        return Definition(f"suite.{kind}", kind, None, "x", "x", required=False)

    values = {
        SettingType.SECRET: text.strip("\n"),
        SettingType.TEXT: normalise(text),
        SettingType.INTEGER: number,
        SettingType.DECIMAL: fraction,
        SettingType.BOOLEAN: flag,
        SettingType.DURATION: timedelta(seconds=seconds),
        SettingType.JSON: [structure],
    }
    pairs = [(definition(kind), value) for kind, value in values.items()]
    written = writing.write(Taken({"staging": pairs}), format_)
    if format_ == "env":
        names = {each.variable: each for each, _value in pairs}
        assert sourced(written, names) == {
            line.key: line.value for line in parse_stream(StringIO(written)) if line.key is not None
        }
        read = {}
        for line in parse_stream(StringIO(written)):
            if line.key:
                read[names[line.key].type] = line.value
    else:
        read = {
            SettingType(entry.key.removeprefix("suite.")): entry.text_for(definition(SettingType(entry.key[6:])))
            for entry in reading.read(written, format_, environment="default")
        }
    for kind, value in values.items():
        if kind in read and value != "":
            found = read[kind]
            assert found is not None
            assert (found if kind is SettingType.SECRET else definition(kind).clean(found)) == value, written
