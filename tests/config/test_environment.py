"""The environment of a start: what is understood, and what is refused in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment

ROOT = Path(__file__).resolve().parents[2]
DATABASE_VARIABLES = ("DATABASE_", "DB_")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(DATABASE_VARIABLES) and name != "DATABASE_ENCRYPTION_KEY":
            monkeypatch.delenv(name)


def check(data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "DEBUG": "true", "GATEHOUSE_DATA_DIR": str(data)} | variables
    command = [sys.executable, "manage.py", "check"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("folder", ["a+b", "50% #1", "two words", "ö?x=1"])
def test_a_data_folder_may_have_any_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str) -> None:
    monkeypatch.setenv("GATEHOUSE_DATA_DIR", str(tmp_path / folder))
    assert environment.database()["NAME"] == str(tmp_path / folder / "gatehouse.sqlite3")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"DATABASE_URL": "postgresql+asyncpg://a:p%40ss@db:5433/house"}, ("postgresql", "db", 5433, "house", "p@ss")),
        ({"DATABASE__URL": "mysql://a:p%40ss@db:3307/house"}, ("mysql", "db", 3307, "house", "p@ss")),
        (
            {
                "DATABASE_CLIENT": "postgres",
                "DATABASE_HOST": "db",
                "DATABASE_NAME": "house",
                "DATABASE_PASSWORD": "p@s/s",
            },
            ("postgresql", "db", 5432, "house", "p@s/s"),
        ),
        (
            {"DATABASE_PROVIDER": "mariadb", "DB_HOST": "db", "DB_NAME": "house", "DB_PASSWORD": "p#s"},
            ("mysql", "db", 3306, "house", "p#s"),
        ),
    ],
)
def test_every_family_of_variables_names_a_database(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: tuple[object, ...]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = environment.database()
    vendor = found["ENGINE"].rpartition(".")[2]
    assert (vendor, found["HOST"], found["PORT"], found["NAME"], found["PASSWORD"]) == expected


def test_mariadb_needs_no_compiled_driver(tmp_path: Path) -> None:
    done = check(tmp_path, DATABASE_URL="mysql://nobody@127.0.0.1:1/house")
    assert "Can't connect" in done.stderr, "it did not come as far as the server"


def test_a_dollar_sign_stands_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_ADMIN_PASSWORD", "$HOME")
    monkeypatch.setenv("ALLOWED_HOSTS", "$a,b$")
    assert environment.env.str("GATEHOUSE_ADMIN_PASSWORD", default="") == "$HOME"
    assert environment.env.list("ALLOWED_HOSTS", default=[]) == ["$a", "b$"]
    assert environment.env.str("GATEHOUSE_NOT_THERE", default="x") == "x"


@pytest.mark.parametrize("url", ["oracle://x", "nonsense", "://"])
def test_a_database_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must begin with"):
        environment.database()


def test_networks_of_proxies_are_brought_to_the_form_the_server_understands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.5/8, ::1,")
    assert environment.trusted_proxies() == ["10.0.0.0/8", "::1/128"]
    monkeypatch.setenv("TRUSTED_PROXIES", "proxy.internal")
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        environment.trusted_proxies()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_ENCRYPTION_KEY", "abc"),
        ("DATABASE_ENCRYPTION_KEY", ","),
        ("DATABASE_ENCRYPTION_KEY_STAGING", "c2hvcnQ="),
        ("TRUSTED_PROXIES", "proxy.internal"),
        ("DATABASE_URL", "oracle://x"),
        ("ENVIRONMENT", "moon"),
        # Without PUBLIC_URL links in letters would lead nowhere.
        ("EMAIL_URL", "smtp+tls://name:password@mail.example:587"),
    ],
)
def test_what_cannot_be_understood_stops_every_start_with_its_sentence(
    tmp_path: Path, variable: str, value: str
) -> None:
    done = check(tmp_path, **{variable: value})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert variable in done.stderr


def test_without_trusted_proxies_the_server_believes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUSTED_PROXIES", raising=False)
    believed: dict[str, object] = {}
    exec((ROOT / "config" / "gunicorn.py").read_text(), believed)  # noqa: S102 - as the server reads it
    config = import_module("gunicorn.config").Config()
    config.set("forwarded_allow_ips", believed["forwarded_allow_ips"])
    assert config.forwarded_allow_networks() == []


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://localhost:8000"),
        ({"EMAIL_URL": "console://"}, "http://localhost:8000"),
        ({"EMAIL_URL": "smtp://mail.example", "PUBLIC_URL": "https://gatehouse.example"}, "https://gatehouse.example"),
    ],
)
def test_where_letters_lead(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str) -> None:
    for name in ("EMAIL_URL", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment.public_url() == url
