"""Fingerprints of secrets: they tell people whether two secrets are the same, and nothing else.

Eight hexadecimal digits of a keyed hash over key and value, made when they are shown and kept nowhere. One secret has
one fingerprint in every environment and version; under a newer master key it has another.
"""

from __future__ import annotations

import hmac
from typing import Any

from settings_store.crypto import derived_key, open_sealed
from settings_store.models import Setting, SettingVersion
from settings_store.store import check_newest, secret_context

LENGTH = 8


def may_compare(user: Any) -> bool:
    """Whether a person sees fingerprints: with them, whoever may give secrets could try what a secret is."""
    return bool(user.has_perm("settings.reveal") or user.has_perm("settings.admin"))


def fingerprint(key: str, secret: str) -> str:
    """The fingerprint of a secret that the setting `key` has, had or is to have."""
    text = f"{len(key)}:{key}{secret}".encode("utf-8", "surrogatepass")
    return hmac.digest(derived_key("fingerprints"), text, "sha256").hex()[:LENGTH]


def fingerprint_of(row: Setting) -> str:
    """That of the secret a row holds, empty where it holds none; raises CannotOpen."""
    check_newest(row)
    return _fingerprint(row.key, row.environment, row.version, row.sealed)


def fingerprint_of_version(version: SettingVersion) -> str:
    """That of the secret a version gave, empty where it gave none; raises CannotOpen.

    Read the versions with `select_related("setting", "secret")`, else each asks the database.
    """
    setting, kept = version.setting, getattr(version, "secret", None)
    return _fingerprint(setting.key, setting.environment, version.version, None if kept is None else kept.sealed)


def _fingerprint(key: str, environment: str, version: int, sealed: bytes | memoryview | None) -> str:
    if sealed is None:
        return ""
    secret = open_sealed(bytes(sealed), context=secret_context(key, version), environment=environment)
    return fingerprint(key, secret.decode())
