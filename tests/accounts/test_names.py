"""Names that people take for one another, and addresses that are one mailbox, are never two accounts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError

from accounts import asking
from accounts.actions import create_user, update_user
from accounts.models import User
from accounts.names import clean_email, clean_username, key_of
from tests.factories import make_user

migration: Any = import_module("accounts.migrations.0006_delivered_domains")
INVISIBLE = ("\u00ad", "\u200b", "\u034f", "\ufe0f", "\u2060", "\u115f", "\u3164", "\U000e0061", "\x7f")


@pytest.mark.parametrize("letter", INVISIBLE)
def test_what_cannot_be_seen_is_refused(letter: str) -> None:
    for address in (f"ana@exam{letter}ple.org", f"an{letter}a@example.org"):
        with pytest.raises(ValidationError):
            clean_email(address)
    with pytest.raises(ValidationError):
        clean_username(f"an{letter}a")


@pytest.mark.parametrize("address", ["ana@" + "x" * 70 + ".org", "ana@" + "ü" * 62 + ".org"])
def test_a_domain_no_letter_reaches_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        clean_email(address)


@pytest.mark.parametrize(
    "address", ["a@xn--mnchen-3ya.de", "A@MÜNCHEN.de", "a@mu\u0308nchen.de", "a@XN--MNCHEN-3YA.de"]
)
def test_one_mailbox_is_one_person(address: str, db: None) -> None:
    person = make_user(username="ana", email="a@münchen.de")
    assert User.objects.named(address).get() == person
    assert list(User.objects.matching(address)) == [person]
    with pytest.raises(ValidationError, match="looks the same"):
        create_user(actor=None, username="other", email=address)


def test_a_mailbox_is_asked_about_as_one_however_it_is_written(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TO_ONE_NAME", 2)
    assert [asking.may_ask(f"a@{name}") for name in ("münchen.de", "xn--mnchen-3ya.de", "MÜNCHEN.de")] == [
        True,
        True,
        False,
    ]


def test_people_are_found_by_the_domain_as_it_is_written(db: None) -> None:
    person = make_user(email="a@münchen.de")
    assert list(User.objects.matching("münchen")) == [person]
    assert list(User.objects.matching("xn--mnchen")) == [person]


@pytest.mark.parametrize("name", ["\u0430dmin", "admin\u03bf", "\u0430\u03bfx", "\u13a0dmin"])
def test_scripts_that_look_alike_are_not_mixed(name: str) -> None:
    with pytest.raises(ValidationError, match="one script"):
        clean_username(name)


@pytest.mark.parametrize("name", ["админ", "διαχειριστής", "jürgen.ı", "ana_92", "管理者", "ana管理", "कखग"])
def test_one_script_is_taken(name: str) -> None:
    assert clean_username(name) == name


def test_older_keys_are_made_anew_and_back_again(db: None) -> None:
    person, twin = make_user(email="a@münchen.de"), make_user(email="a@xn--mnchen-3ya.eu")
    User.objects.filter(pk=person.pk).update(email_key="a@münchen.de")
    User.objects.filter(pk=twin.pk).update(email="a@xn--mnchen-3ya.de", email_key="a@xn--mnchen-3ya.de")
    migration.deliver(apps, None)
    assert keys(person, twin) == ["a@münchen.de", "a@xn--mnchen-3ya.de"], "where two have one mailbox, both stay"
    # Whoever has the older key can still be changed.
    assert update_user(actor=None, user=person, full_name="Ana").full_name == "Ana"
    User.objects.filter(pk=twin.pk).update(email="b@example.org", email_key="b@example.org")
    migration.deliver(apps, None)
    assert keys(person, twin) == ["a@xn--mnchen-3ya.de", "b@example.org"]
    migration.write(apps, None)
    assert keys(person, twin) == ["a@münchen.de", "b@example.org"]
    assert migration._delivered("A@München.de") == key_of("A@München.de")


def keys(*people: User) -> list[str]:
    return [User.objects.values_list("email_key", flat=True).get(pk=person.pk) for person in people]
