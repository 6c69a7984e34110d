import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from chat.models import Conversation, Model, Provider
from rbac.models import Role
from settings_store.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    for name in ("GATEHOUSE_ADMIN_EMAIL", "GATEHOUSE_ADMIN_PASSWORD", "LOCAL_MODEL_URL"):
        monkeypatch.delenv(name, raising=False)
    settings.DATA_DIR = tmp_path


def init(*options: str) -> str:
    out = StringIO()
    call_command("init", *options, stdout=out)
    return out.getvalue()


def test_first_people_get_passwords_of_their_own_in_a_private_file(tmp_path: Path) -> None:
    said = init()
    file = tmp_path / "first-sign-in.txt"
    assert str(file) in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    passwords = dict(line.split("\t") for line in file.read_text().splitlines())
    assert list(passwords) == ["admin", "user"]
    assert passwords["admin"] not in said
    for name, password in passwords.items():
        person = User.objects.named(name).get()
        assert person.must_change_password
        assert authenticate(username=name, password=password) == person
    admin = User.objects.named("admin").get()
    assert admin.has_perm("roles.admin")
    assert not User.objects.named("user").get().has_perm("users.read")
    assert AuditEvent.objects.filter(action="installation.initialised").exists()
    assert not AuditEvent.objects.filter(after__icontains=passwords["admin"]).exists()


def test_it_is_safe_to_repeat(tmp_path: Path) -> None:
    init()
    (tmp_path / "first-sign-in.txt").unlink()
    events = AuditEvent.objects.count()
    init()
    assert User.objects.count() == 2
    assert AuditEvent.objects.count() == events
    assert not (tmp_path / "first-sign-in.txt").exists()


def test_a_password_from_the_environment_is_kept_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GATEHOUSE_ADMIN_EMAIL", "Chief@Example.org")
    monkeypatch.setenv("GATEHOUSE_ADMIN_PASSWORD", "a quiet harbour at dawn")
    said = init()
    admin = User.objects.named("chief@example.org").get()
    assert not admin.must_change_password
    assert admin.check_password("a quiet harbour at dawn")
    assert "a quiet harbour" not in said + (tmp_path / "first-sign-in.txt").read_text()
    assert User.objects.named("user").get().must_change_password


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GATEHOUSE_ADMIN_EMAIL", "not an address"),
        ("GATEHOUSE_ADMIN_EMAIL", "user@localhost"),
        ("GATEHOUSE_ADMIN_PASSWORD", "short"),
        ("GATEHOUSE_ADMIN_PASSWORD", "123456789012"),
    ],
)
def test_what_will_not_do_is_said_in_a_sentence_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(CommandError, match=variable):
        init()
    assert not User.objects.exists()
    assert not Role.objects.exists()


def test_nobody_is_made_where_that_is_asked(tmp_path: Path) -> None:
    init("--no-default-users")
    assert not User.objects.exists()
    assert Role.objects.exclude(system_key=None).count() == 7


def test_the_local_model_is_registered_once_and_follows_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for port in (8001, 8002):
        monkeypatch.setenv("LOCAL_MODEL_URL", f"http://127.0.0.1:{port}/v1")
        monkeypatch.setenv("LOCAL_MODEL_KEY", f"key {port}")
        monkeypatch.setenv("LOCAL_MODEL_NAME", "smollm2-135m")
        init()
    provider = Provider.objects.get()
    assert (provider.base_url, provider.is_demo) == ("http://127.0.0.1:8002/v1", True)
    assert Model.objects.usable().get().name == "smollm2-135m"


def test_sample_data_is_a_team_that_cannot_sign_in() -> None:
    assert "300 conversations" in init("--sample-data")
    assert Conversation.objects.count() == 300
    people = User.objects.exclude(username__in=["admin", "user"])
    assert people.count() == 30
    assert people.filter(supervisor__isnull=False).exists()
    assert not any(person.has_usable_password() for person in people)
    assert "already" in init("--sample-data")


def test_health_and_soundness_are_told() -> None:
    with pytest.raises(CommandError, match="Not sound"):
        init("--verify")
    init()
    assert "database: well" in init("--health-check")
    assert "Sound" in init("--verify")
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="Not sound"):
        init("--verify")


@pytest.fixture
def fresh_database(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address and the name of an empty database on the server the suite runs on; a file on all but PostgreSQL."""
    if connection.vendor != "postgresql":
        yield f"sqlite:///{tmp_path / 'reset.sqlite3'}", "reset.sqlite3"
        return
    name, server = f"gatehouse_reset_{secrets.token_hex(4)}", connection.settings_dict
    with psycopg.connect(
        host=server["HOST"],
        port=server["PORT"] or 5432,
        user=server["USER"],
        password=server["PASSWORD"],
        dbname="postgres",
        autocommit=True,
    ) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            who = f"{quote(server['USER'])}:{quote(server['PASSWORD'])}" if server["PASSWORD"] else server["USER"]
            yield f"postgres://{who}@{server['HOST']}:{server['PORT'] or 5432}/{name}", name
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_reset_starts_anew_only_when_the_name_is_typed(tmp_path: Path, fresh_database: tuple[str, str]) -> None:
    address, name = fresh_database
    env = os.environ | {"GATEHOUSE_DATA_DIR": str(tmp_path), "DATABASE_URL": address}
    env |= {"DJANGO_SETTINGS_MODULE": "config.settings"}

    def manage(*command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *command], env=env, input=typed, capture_output=True, text=True, check=False
        )

    unready = manage("init")
    assert unready.returncode == 1
    assert "manage.py migrate" in unready.stderr
    assert "Traceback" not in unready.stderr
    assert manage("migrate", "--verbosity=0").returncode == 0
    assert manage("init").returncode == 0
    first = (tmp_path / "first-sign-in.txt").read_text()
    refused = manage("init", "--reset", typed="no\n")
    assert (refused.returncode, "Nothing was changed." in refused.stderr) == (1, True)
    assert (tmp_path / "first-sign-in.txt").read_text() == first
    done = manage("init", "--reset", typed=f"{name}\n")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "first-sign-in.txt").read_text() != first
    assert manage("init", "--verify").returncode == 0
    # The words of the trail went with it and came again: no event of before is found, and those of now are.
    search = (
        "from settings_store.trail.reading import question, read; "
        "print(len(read(question({'q': 'installation initialised'}), count=50)))"
    )
    assert manage("shell", "--no-imports", "--command", search).stdout.split()[-1] == "1"
    assert manage("audit_verify").returncode == 0
