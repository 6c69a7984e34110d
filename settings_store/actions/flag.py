"""Flags themselves: created, described, archived and brought back. Their rules change as settings do."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from settings_store.actions.setting import bump, lock_settings, protected_keys
from settings_store.audit import changes, name_of, record
from settings_store.circumstances import Actor
from settings_store.flag.references import dependents
from settings_store.flag.rules import KEY, KEY_LENGTH, FlagType
from settings_store.kept import unknown_flag
from settings_store.models import Flag, Proposal
from settings_store.realms import key_of_flag

# Names of pages that stand where that of a flag would.
RESERVED = frozenset({"new", "proposals", "rollback", "unknown"})
WORDS = ("label", "description", "is_permanent")


@dataclass(eq=False)
class StaleFlag(Exception):
    """Somebody else described the flag anew meanwhile: the row as it is now."""

    row: Flag

    def __str__(self) -> str:
        return f"{self.row} is at version {self.row.version} by now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a flag is called, and whether it is meant to stay."""

    label: str
    description: str = ""
    is_permanent: bool = False


@transaction.atomic
def create_flag(*, actor: Actor | None, key: str, kind: FlagType, description: Description) -> Flag:
    """Make a flag, off everywhere; raises ValidationError with one sentence for the field that is not right."""
    lock_settings()
    _check_key(key)
    flag = Flag(key=key, type=kind, label=description.label, description=description.description)
    flag.is_permanent = description.is_permanent
    flag.created_by_id, flag.created_by_name = None if actor is None else actor.pk, name_of(actor)
    flag.save(force_insert=True)
    bump()
    record("flag.created", actor=actor, target=flag, after={"gives": flag.type} | _words(flag))
    return flag


@transaction.atomic
def describe_flag(
    *, actor: Actor | None, key: str, description: Description, expected_version: int | None = None
) -> Flag:
    """Give a flag these words; nothing happens where it has them. Raises StaleFlag or UnknownFlag."""
    lock_settings()
    flag = _row(key)
    if flag.archived_at is not None:
        raise unknown_flag(key)
    before = _words(flag)
    for name in WORDS:
        setattr(flag, name, getattr(description, name))
    if _words(flag) == before:
        return flag
    if expected_version not in (None, flag.version):
        flag.refresh_from_db()
        raise StaleFlag(flag)
    flag.version += 1
    # No process keeps words, so none has to read anything anew.
    flag.save(update_fields=[*WORDS, "version"])
    record("flag.described", actor=actor, target=flag, **changes(before, _words(flag)))
    return flag


@transaction.atomic
def archive_flag(*, actor: Actor | None, key: str) -> Flag:
    """Let a flag be unknown to whoever asks for it; its rules and history stay. Raises ValidationError."""
    lock_settings()
    flag = _row(key)
    if protected_keys([key_of_flag(key)]):
        raise ValidationError(_("%(key)s is protected: its protection must be taken away first.") % {"key": key})
    if Proposal.objects.filter(key=key_of_flag(key), status__in=Proposal.PENDING).exists():
        raise ValidationError(_("A change of %(key)s is pending: decide it or withdraw it first.") % {"key": key})
    if flag.archived_at is None and (others := dependents(key)):
        words = _("%(others)s depends on %(key)s: take that away first.")
        raise ValidationError(words % {"others": ", ".join(others), "key": key})
    if flag.archived_at is None:
        flag.archived_at = timezone.now()
        flag.save(update_fields=["archived_at"])
        bump()
        record("flag.archived", actor=actor, target=flag)
    return flag


@transaction.atomic
def restore_flag(*, actor: Actor | None, key: str) -> Flag:
    """Bring an archived flag back with the rules it had."""
    lock_settings()
    flag = _row(key)
    if flag.archived_at is not None:
        flag.archived_at = None
        flag.save(update_fields=["archived_at"])
        bump()
        # What it depends on may have been archived since: then it is off, which its page says.
        record("flag.brought_back", actor=actor, target=flag)
    return flag


def _check_key(key: str) -> None:
    if any(letter.isspace() for letter in key):
        joined = "-".join(key.lower().split())
        example = joined if KEY.fullmatch(joined) and len(joined) <= KEY_LENGTH else "new-search"
        raise ValidationError({"key": _("A key has no spaces: write %(example)s instead.") % {"example": example}})
    if len(key) > KEY_LENGTH:
        words = _("A key has at most %(most)d characters; this has %(length)d.")
        raise ValidationError({"key": words % {"most": KEY_LENGTH, "length": len(key)}})
    if not KEY.fullmatch(key):
        words = _("“%(key)s” is no key for a flag: use small letters, digits, - _ and dots, such as new-search.")
        raise ValidationError({"key": words % {"key": key}})
    if key in RESERVED:
        words = _("“%(key)s” stands for a page here: take another key.")
        raise ValidationError({"key": words % {"key": key}})
    taken = Flag.objects.filter(key=key).first()
    if taken is not None and taken.archived_at is not None:
        raise ValidationError({"key": _("%(key)s was archived. Bring it back instead.") % {"key": key}})
    if taken is not None:
        raise ValidationError({"key": _("There is a flag %(key)s already.") % {"key": key}})


def _words(flag: Flag) -> dict[str, object]:
    return {name: getattr(flag, name) for name in WORDS}


def _row(key: str) -> Flag:
    flag = Flag.objects.select_for_update().filter(key=key).first() if KEY.fullmatch(key) else None
    # Not every database tells small letters from capitals.
    if flag is None or flag.key != key:
        raise unknown_flag(key)
    return flag
