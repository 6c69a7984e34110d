"""Why somebody gets a flag, or does not: the rule that decided, and those before it, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from settings_store import people
from settings_store.flag.evaluation import (
    WHOLE,
    Flag,
    Reason,
    Subject,
    bucket,
    decide,
    stranger,
    variant_bucket,
    variant_for,
)
from settings_store.flag.resolution import is_shown, subject_known
from settings_store.flag.rules import Document, per_cent
from settings_store.flag.snapshot import Snapshot
from settings_store.flag.telling import Names, time_in_words, value_in_words

# What decides in `evaluation.decide`, one after the other.
STEPS = (
    (Reason.OFF,),
    (Reason.NOT_YET,),
    (Reason.OVER,),
    (Reason.UNMET,),
    (Reason.EXCLUDED,),
    (Reason.PERSON,),
    (Reason.ROLE,),
    (Reason.EVERYBODY, Reason.SHARE, Reason.BEYOND, Reason.NOBODY),
)
# Those that ask who somebody is.
BY_PERSON = frozenset({Reason.EXCLUDED, Reason.PERSON, Reason.ROLE})
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Tested:
    """Whom a flag is tested as."""

    subject: Subject
    # As a sentence begins with them.
    words: str
    is_stranger: bool = False
    # Deactivated, which evaluation takes for nobody in particular.
    is_deactivated: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """What somebody gets and why."""

    is_on: bool
    reason: Reason
    sentence: str
    passed: tuple[str, ...]
    # Where buckets have a say: what that number is and how far the share reaches.
    bucket: str = ""
    variant: str = ""
    variant_value: str = ""
    variant_bucket: str = ""


def as_asked(viewer: Any, text: str, role: str, names: Names) -> Tested:
    """Whom a name or a role means, of which one is given; raises ValidationError with one sentence."""
    text = text.strip()
    if text and role:
        raise ValidationError(_("Test as somebody or as a role, not as both at once."))
    if text:
        return as_named(viewer, text)
    if not role:
        raise ValidationError(_("Write whom to test as, or choose a role."))
    if not (role.isascii() and role.isdecimal() and len(role) < 19 and int(role) in names.roles):
        raise ValidationError(_("The role chosen does not exist (any more)."))
    return as_role(int(role), names)


def as_role(pk: int, names: Names) -> Tested:
    """Somebody of whom nothing is known but this one role."""
    words = _("Somebody who holds only the role %(role)s") % {"role": names.role(pk)}
    return Tested(Subject(role_ids=frozenset({pk})), words)


def as_named(viewer: Any, text: str) -> Tested:
    """The person of this username, e-mail address or whole name, else a stranger by this key.

    Whoever may not change flags learns of nobody they may not see: such a person is a stranger to them. Raises
    ValidationError where several have this name.
    """
    key = text.strip()[:LONGEST_KEY]
    directory = people.directory()
    known = None if "\0" in key else directory.named(key)
    if known is None or not is_shown(viewer, known):
        same = directory.called(viewer, key)
        same = [each for each in same if each.is_active] or same
        if len(same) > 1:
            words = _("Several people are called “%(name)s”. Write the username or the e-mail address.")
            raise ValidationError(words % {"name": key})
        if not same:
            return Tested(stranger(key), _("The key “%(key)s”") % {"key": key}, is_stranger=True)
        known = same[0]
    return Tested(subject_known(known), known.name, is_deactivated=not known.is_active)


def explain(key: str, compiled: Snapshot, tested: Tested, names: Names) -> Explanation:
    """What this flag gives to whom it is tested as; `compiled` has the flag and those it needs."""
    flag, document, subject = compiled.flags[key], compiled.documents[key], tested.subject
    decision = decide(flag, subject)
    passed: list[str] = []
    for step in STEPS:
        if decision.reason in step:
            break
        if step[0] not in BY_PERSON or not tested.is_deactivated:
            passed += _passed(step[0], document)
    variant = variant_for(flag, subject) if decision.is_on else None
    return Explanation(
        decision.is_on,
        decision.reason,
        _sentence(decision.reason, flag, document, tested, names),
        tuple(passed),
        bucket=_bucket(flag, subject) if subject.key else "",
        variant=variant.name if variant else "",
        variant_value=value_in_words(variant.value) if variant else "",
        variant_bucket=_number(variant_bucket(flag, subject)) if variant and subject.key else "",
    )


def _passed(reason: Reason, document: Document) -> Iterator[str]:
    """What is said of a rule that did not decide; nothing where there is none."""
    match reason:
        case Reason.OFF:
            yield _("It is on.")
        case Reason.NOT_YET if document["from"]:
            yield _("It has begun: %(when)s.") % {"when": time_in_words(document["from"])}
        case Reason.OVER if document["until"]:
            yield _("It has not ended: %(when)s.") % {"when": time_in_words(document["until"])}
        case Reason.UNMET if document["needs"]:
            yield _("What it depends on is on too: %(flags)s.") % {"flags": ", ".join(document["needs"])}
        case Reason.EXCLUDED if document["excluded"]:
            yield _("Not excluded.")
        case Reason.PERSON if document["people"]:
            yield _("Not among the people named.")
        case Reason.ROLE if document["roles"]:
            yield _("Holds none of the roles named.")


def _sentence(reason: Reason, flag: Flag, document: Document, tested: Tested, names: Names) -> str:
    who = {"who": tested.words}
    share = {"share": per_cent(flag.share)}
    match reason:
        case Reason.OFF:
            return _("The flag is off for everybody.")
        case Reason.NOT_YET:
            return _("The flag begins on %(when)s.") % {"when": time_in_words(document["from"])}
        case Reason.OVER:
            return _("The flag ended on %(when)s.") % {"when": time_in_words(document["until"])}
        case Reason.UNMET:
            return _unmet(flag, document, tested)
        case Reason.EXCLUDED:
            return _("%(who)s is excluded.") % who
        case Reason.PERSON:
            return _("%(who)s is named.") % who
        case Reason.ROLE:
            held = next(pk for pk in (*names.roles, *flag.roles) if pk in flag.roles & tested.subject.role_ids)
            return _("The role %(role)s is named.") % {"role": names.role(held)}
        case Reason.EVERYBODY:
            return _("The share is 100 %.")
        case Reason.SHARE:
            return _("The share of %(share)s takes this bucket.") % share
        case Reason.NOBODY if tested.is_deactivated:
            return _("The share takes nobody who is deactivated.")
        case Reason.NOBODY:
            return _("The share takes some people of this role and not others, by the bucket of each.")
        case _ if not flag.share:
            return _("The share is 0 %: it is on only for those who are named.")
        case _:
            return _("The share of %(share)s does not reach this bucket.") % share


def _unmet(flag: Flag, document: Document, tested: Tested) -> str:
    if flag.needs is None:
        return _("The flags it depends on go round in a circle, so it is never on.")
    for name, need in zip(document["needs"], flag.needs, strict=True):
        if not need.key:
            return _("It depends on %(flag)s, which is not there any more.") % {"flag": name}
        if not decide(need, tested.subject).is_on:
            return _("It depends on %(flag)s, which is off for them.") % {"flag": name}
    return _("One of the flags it depends on is off for them.")


def _bucket(flag: Flag, subject: Subject) -> str:
    return _("bucket %(bucket)s of %(all)s; the share takes those below %(share)s") % {
        "bucket": _number(bucket(flag, subject)),
        "all": _number(WHOLE),
        "share": _number(flag.share),
    }


def _number(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)
