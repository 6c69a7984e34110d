"""Sealed values open where they were sealed for, and nowhere else."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from settings_store.crypto import (
    CannotOpen,
    Damaged,
    NoKey,
    SealedElsewhere,
    derived_key,
    key_name,
    keyring,
    open_sealed,
    seal,
)

OLD, NEW, OTHER = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"n", b"x"))


@given(st.binary(max_size=500), st.text(max_size=80))
def test_what_is_sealed_opens_in_its_place(plaintext: bytes, context: str) -> None:
    assert open_sealed(seal(plaintext, context=context), context=context) == plaintext


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_value_moved_to_another_place_does_not_open(context: str, elsewhere: str) -> None:
    if context == elsewhere:
        return
    with pytest.raises(Damaged):
        open_sealed(seal(b"secret", context=context), context=elsewhere)


@given(st.binary(max_size=60), st.data())
def test_any_flipped_bit_is_noticed(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(plaintext, context="here"))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << (place % 8)
    with pytest.raises(CannotOpen):
        open_sealed(bytes(sealed), context="here")


@given(st.binary(max_size=120))
def test_arbitrary_bytes_are_refused_in_words(sealed: bytes) -> None:
    with pytest.raises(CannotOpen) as refusal:
        open_sealed(sealed, context="here")
    assert str(refusal.value).endswith(".")


@given(st.integers(0, 60))
def test_a_value_cut_short_does_not_open(length: int) -> None:
    with pytest.raises(Damaged):
        open_sealed(seal(b"x" * 24, context="here")[:length], context="here")


def test_a_value_of_48_bytes_takes_85() -> None:
    assert len(seal(b"x" * 48, context="here")) == 85


def test_the_same_value_never_looks_the_same() -> None:
    assert len({seal(b"same", context="here") for _ in range(1000)}) == 1000


def test_an_older_key_still_opens_and_the_newest_seals(settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: OLD}
    before = seal(b"kept", context="here")
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: f"{NEW}, {OLD}"}
    assert open_sealed(before, context="here") == b"kept"
    assert key_name(seal(b"kept", context="here")) != key_name(before)


def test_without_its_key_a_value_is_sealed_elsewhere(settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: OLD}
    sealed = seal(b"kept", context="here")
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: NEW}
    with pytest.raises(SealedElsewhere, match="DATABASE_ENCRYPTION_KEY"):
        open_sealed(sealed, context="here")


def test_environments_do_not_open_each_others_values_even_under_one_key(settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {"production": OLD, "staging": OLD}
    with pytest.raises(Damaged):
        open_sealed(seal(b"kept", context="here", environment="staging"), context="here", environment="production")


def test_sealing_for_an_environment_without_a_key_names_its_variable(settings: Any) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {"production": OLD, "staging": ""}
    with pytest.raises(NoKey, match="DATABASE_ENCRYPTION_KEY_STAGING"):
        seal(b"x", context="here", environment="staging")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("c2hvcnQ=", "Key 1 of DATABASE_ENCRYPTION_KEY is not base64 of exactly 32 bytes."),
        (f"{OLD},not base64 at all!", "Key 2 of DATABASE_ENCRYPTION_KEY is not base64 of exactly 32 bytes."),
        (f"{OLD},{OLD}", "Key 2 of DATABASE_ENCRYPTION_KEY stands there twice."),
    ],
)
def test_a_wrong_key_is_named_by_its_place_and_never_shown(settings: Any, text: str, sentence: str) -> None:
    settings.DATABASE_ENCRYPTION_KEYS = {settings.ENVIRONMENT: text}
    with pytest.raises(ImproperlyConfigured) as refusal:
        keyring()
    assert str(refusal.value) == sentence


def test_keys_show_nothing_of_themselves() -> None:
    assert "tests-only" not in repr(keyring())
    assert keyring().newest.master.hex() not in repr(keyring())


def test_derived_keys_differ_by_purpose() -> None:
    assert derived_key("limits") != derived_key("audit chain")
    assert len(derived_key("limits")) == 32
