"""Addresses are compared by the domain that letters are delivered to, so that one mailbox is one person's."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from django.db import migrations
from django.utils.encoding import punycode


def _normalised(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def _delivered(email: str) -> str:
    key = _normalised(email)
    mailbox, at, domain = key.rpartition("@")
    try:
        delivered = punycode(_normalised(domain)).rstrip(".")
    except UnicodeError:
        delivered = ""
    return f"{mailbox}@{delivered or domain}" if at else key


def _keep(apps: Any, key_of: Callable[[str], str]) -> None:
    people = apps.get_model("accounts", "User").objects
    for pk, email, kept in people.values_list("pk", "email", "email_key").iterator():
        key = key_of(email)
        # Where two had one mailbox, or the key has no room, the key of the second stays as it is.
        if key != kept and len(key) <= 254 and not people.filter(email_key=key).exists():
            people.filter(pk=pk).update(email_key=key)


def deliver(apps: Any, schema_editor: Any) -> None:
    _keep(apps, _delivered)


def write(apps: Any, schema_editor: Any) -> None:
    _keep(apps, _normalised)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_trusted_since"),
    ]

    operations = [
        migrations.RunPython(deliver, write),
    ]
