"""Where Redis is, as the environment says (REDIS_URL)."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import redis

SECRET = "canary-p4ss"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache.example", ("redis://cache.example:6379/0", None, None)),
        (f"redis://:{SECRET}@cache.example:6380/2", ("redis://cache.example:6380/2", None, SECRET)),
        (f"rediss://ana:{SECRET}@cache.example", ("rediss://cache.example:6379/0", "ana", SECRET)),
        ("valkey://127.0.0.1", ("redis://127.0.0.1:6379/0", None, None)),
        ("valkeys://:p%40ss%2Fw@[::1]:7000", ("rediss://[::1]:7000/0", None, "p@ss/w")),
    ],
)
def test_an_address_says_all(url: str, expected: tuple[object, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    found = redis()
    assert (found["url"], found["username"], found["password"]) == expected


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{SECRET}@cache.example",
        f"redis://:{SECRET}@cache.example:port",
        f"redis://:{SECRET}@cache.example/first",
        f"redis://:{SECRET}@",
        f"redis://:{SECRET}@cache.example?db=1",
        SECRET,
    ],
)
def test_what_is_no_address_is_named_and_not_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ImproperlyConfigured) as refused:
        redis()
    assert "REDIS_URL" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_without_an_address_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert redis() == {}
