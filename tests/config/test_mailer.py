"""How letters are sent, as the environment says (EMAIL_URL)."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import mailer

SECRET = "canary-p4ss"


@pytest.fixture(autouse=True)
def no_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEBUG", raising=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"smtp://ana:{SECRET}@mail.example", ("mail.example", 25, "ana", SECRET, False, False)),
        (f"smtp+tls://ana:{SECRET}@mail.example", ("mail.example", 587, "ana", SECRET, True, False)),
        (f"smtps://ana:{SECRET}@mail.example", ("mail.example", 465, "ana", SECRET, False, True)),
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, "", "", False, False)),
        ("smtp://[::1]:2525", ("::1", 2525, "", "", False, False)),
        (
            "smtp+tls://ana%40example.org:p%40ss%2Fw%3Ard@m.example:26",
            ("m.example", 26, "ana@example.org", "p@ss/w:rd", True, False),
        ),
    ],
)
def test_an_address_says_all(
    url: str, expected: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMAIL_URL", url)
    options = mailer(tmp_path)["OPTIONS"]
    found = [options[name] for name in ("host", "port", "username", "password", "use_tls", "use_ssl")]
    assert tuple(found) == expected
    assert options["timeout"]


@pytest.mark.parametrize(
    "url",
    [
        f"http://ana:{SECRET}@mail.example",
        f"ana:{SECRET}@mail.example",
        f"smtp://ana:{SECRET}@",
        f"smtp://ana:{SECRET}@mail.example:port",
        f"smtp://ana:{SECRET}@mail.example:99999",
        f"smtp://ana:{SECRET}@mail.example:0",
        f"smtp://ana:{SECRET}@[mail.example",
        f"SMTP+SSL://ana:{SECRET}@mail.example",
        SECRET,
    ],
)
def test_a_bad_address_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMAIL_URL", url)
    with pytest.raises(ImproperlyConfigured) as refusal:
        mailer(tmp_path)
    assert "EMAIL_URL must look like" in str(refusal.value)
    seen: BaseException | None = refusal.value
    while seen is not None:
        assert SECRET not in str(seen)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def test_without_one_letters_are_kept_in_a_folder_of_the_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EMAIL_URL", raising=False)
    folder = tmp_path / "mail"
    assert mailer(folder)["OPTIONS"] == {"file_path": str(folder)}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_debug_server_writes_them_onto_the_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEBUG", "true")
    monkeypatch.delenv("EMAIL_URL", raising=False)
    assert mailer(tmp_path)["BACKEND"].endswith("console.EmailBackend")
