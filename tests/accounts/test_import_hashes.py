"""Hashes from other houses: those that work let their people in with their old password, the others are refused."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import bcrypt
import pytest
from argon2 import PasswordHasher, low_level
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, identify_hasher
from django.core.exceptions import ValidationError

from accounts import credentials
from accounts.actions.password import change_password
from accounts.hashers import BCryptHasher
from accounts.imports.hashes import encoded
from accounts.models import User

WORD = "correct horse battery"
HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "accounts.hashers.BCryptHasher",
]


@pytest.fixture(autouse=True)
def _real_hashers(settings: Any) -> None:
    settings.PASSWORD_HASHERS = HASHERS


def _bcrypt(prefix: str) -> str:
    return "$" + prefix + bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).decode()[3:]


def _pbkdf2(name: str, rounds: int = 1000, salt: str = "seasalt") -> str:
    digest = hashlib.pbkdf2_hmac(name, WORD.encode(), salt.encode(), rounds)
    return f"pbkdf2_{name}${rounds}${salt}${base64.b64encode(digest).decode()}"


def _werkzeug(name: str) -> str:
    return f"pbkdf2:{name}:1000$seasalt${hashlib.pbkdf2_hmac(name, WORD.encode(), b'seasalt', 1000).hex()}"


def _argon2() -> str:
    return PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(WORD)


GOOD = [
    _bcrypt("2a"),
    _bcrypt("2b"),
    _bcrypt("2y"),
    "bcrypt$" + _bcrypt("2b"),
    "bcrypt_sha256$" + bcrypt.hashpw(hashlib.sha256(WORD.encode()).hexdigest().encode(), bcrypt.gensalt(4)).decode(),
    _pbkdf2("sha256"),
    _pbkdf2("sha1"),
    _werkzeug("sha256"),
    _werkzeug("sha1"),
    _argon2(),
    "argon2" + _argon2(),
]


def test_a_salt_no_library_reads_is_refused() -> None:
    salt = "a" * 21
    with pytest.raises(ValidationError):
        encoded(f"$2b$04${salt}a{'b' * 31}")


@pytest.mark.parametrize(
    "text",
    [
        f"bcrypt$$2b$04${'a' * 22}{'b' * 31}",
        "bcrypt$x",
        "bcrypt_sha256$$2b$04$x",
        "pbkdf2_sha256$x$s$h",
        "pbkdf2_sha256$99999999999$s$h",
        "pbkdf2_sha1$1",
        "argon2$argon2id$v=19$m=1,t=1,p=1$a$b",
        "argon2$x",
        "argon2",
        "",
    ],
)
def test_a_hash_that_nothing_reads_lets_nobody_in(person: User, text: str) -> None:
    """Whatever came into the column, a sign-in is refused, and not an error of the server."""
    User.objects.filter(pk=person.pk).update(password=text)
    assert credentials.check("ana.ruiz", WORD) is None
    person.refresh_from_db()
    change_password(actor=None, user=person, password="another horse, another battery")
    assert credentials.check("ana.ruiz", "another horse, another battery") == person


# Named by number: their salts differ in each process that collects them.
@pytest.mark.parametrize("text", GOOD, ids=[str(number) for number in range(len(GOOD))])
def test_known_ones_let_in_and_are_renewed(text: str) -> None:
    kept, renewed = encoded(text), list[str]()
    assert len(kept) <= 128
    assert check_password(WORD, kept, setter=renewed.append)
    assert renewed == [WORD], "the next sign-in makes it one of Argon2"
    assert not check_password("another", kept)


def test_bcrypt_looks_at_72_bytes_as_everywhere() -> None:
    long = "x" * 100
    kept = encoded(bcrypt.hashpw(long[:72].encode(), bcrypt.gensalt(4)).decode())
    assert check_password(long, kept)
    assert not check_password("y" * 100, kept)
    assert isinstance(identify_hasher(kept), BCryptHasher)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "correct horse battery",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$hash",
        "$2b$04$short",
        "$2x$04$" + "a" * 53,
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + "a" * 43,
        "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$" + "a" * 43,
        "pbkdf2_sha256$1000$salt$" + base64.b64encode(b"x" * 31).decode(),
        "pbkdf2_sha256$1000$salt$notbase64!",
        "pbkdf2_sha512$1000$salt$" + base64.b64encode(b"x" * 64).decode(),
        "pbkdf2:sha256:1000$salt$abc",
        "!unusable",
        "argon2$argon2id$\x00",
        "ａｒｇｏｎ2",
        "$" * 5000,
    ],
)
def test_others_are_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        encoded(text)
    sentence = refusal.value.messages[0]
    assert "no password hash that works here" in sentence
    assert not text or text not in sentence


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("$2b$31$" + "." * 53, "From 4 to 12"),
        ("pbkdf2_sha256$999999999$salt$" + base64.b64encode(b"x" * 32).decode(), "1500000"),
        ("pbkdf2_sha256$1$salt$" + base64.b64encode(b"x" * 32).decode(), "From 1000"),
        ("$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$" + "a" * 43, "131072"),
        ("$argon2id$v=19$m=64,t=9999,p=1$c29tZXNhbHQ$" + "a" * 43, "From 1 to 10"),
        ("$argon2id$v=19$m=131072,t=4,p=1$c29tZXNhbHQ$" + "a" * 43, "393216"),
        ("$argon2id$v=19$m=64,t=1,p=9999$c29tZXNhbHQ$" + "a" * 43, "From 1 to 16"),
        ("$argon2id$v=19$m=7,t=1,p=1$c29tZXNhbHQ$" + "a" * 43, "From 8"),
    ],
)
def test_what_costs_too_much_or_nothing_is_refused_with_the_limit(text: str, named: str) -> None:
    """Whoever writes the hash would decide how long a sign-in keeps the house busy."""
    with pytest.raises(ValidationError) as refusal:
        encoded(text)
    assert named in refusal.value.messages[0]


def test_one_longer_than_its_column_is_refused() -> None:
    text = low_level.hash_secret(
        WORD.encode(), b"s" * 48, time_cost=1, memory_cost=64, parallelism=1, hash_len=64, type=low_level.Type.ID
    ).decode()
    with pytest.raises(ValidationError, match="longer than 128"):
        encoded(text)


def test_the_limits_leave_room_for_what_django_makes() -> None:
    assert check_password(WORD, encoded(Argon2PasswordHasher().encode(WORD, "s" * 22)))
