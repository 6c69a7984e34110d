"""What the OpenFeature Remote Evaluation Protocol says: requests read from bytes, answers as JSON.

https://github.com/open-feature/protocol, version 0.1 of its description; a flag that is off and gives variants has no
value in the answer, so that the program's own default holds (its decision 6).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.utils.http import parse_etags
from django.utils.translation import gettext as _

from settings_store import store
from settings_store.flag.evaluation import Flag, Subject
from settings_store.flag.resolution import NeedsTargetingKey, UnknownKey, resolve, subject_named
from settings_store.flag.rules import FlagType

type Answer = dict[str, Any]

# A context is a handful of facts about one person.
LARGEST = 64 * 1024


@dataclass(eq=False)
class Refused(Exception):
    """A request that cannot be answered, with the code and the sentence that say why."""

    code: str
    sentence: str

    def body(self, key: str | None = None) -> Answer:
        named = {} if key is None else {"key": key}
        return named | {"errorCode": self.code, "errorDetails": self.sentence}


def subject_of_request(body: bytes, caller: Any) -> Subject:
    """For whom the flags are asked; raises Refused. Asks the database about a targeting key.

    Whoever the caller may not be told of is a stranger, so that the answers tell nobody who there is.
    """
    context = _context(body)
    key = context.get("targetingKey")
    if key is not None and not isinstance(key, str):
        raise Refused("INVALID_CONTEXT", _("The targetingKey is a text."))
    return subject_named(key or "", caller)


def evaluate_one(key: str, subject: Subject) -> Answer:
    """Raises UnknownKey, or Refused where only a targeting key would tell."""
    try:
        found = resolve(key, subject)
    except NeedsTargetingKey:
        sentence = _(
            "Only a share of people get %(key)s: the context needs a targetingKey, not of somebody deactivated."
        )
        raise Refused("TARGETING_KEY_MISSING", sentence % {"key": key}) from None
    value = {"value": _told(found.flag, found.value)} if found.has_value else {}
    metadata = {"rule": found.rule.value, "type": found.flag.type}
    return {"key": key, "reason": found.word, "variant": found.variant, "metadata": metadata} | value


def evaluate_all(subject: Subject) -> Answer:
    """Every flag by its key; one that cannot be answered carries its error."""
    found: list[Answer] = []
    for key in sorted(store.flags_now().flags):
        try:
            found.append(evaluate_one(key, subject))
        except Refused as refused:
            found.append(refused.body(key))
        # Archived since the keys were read.
        except UnknownKey:
            continue
    return {"flags": found}


def etag_of(answer: bytes) -> str:
    """Of the answer itself, which hangs on more than the version of flags: on roles, and on the time of day."""
    return f'"{sha256(answer).hexdigest()[:32]}"'


def is_known(etag: str, if_none_match: str) -> bool:
    """Whether the header says that this answer is there already; a weak mark is as good as a strong one."""
    marks = parse_etags(if_none_match)
    return "*" in marks or etag in {mark.removeprefix("W/") for mark in marks}


def _told(flag: Flag, value: Any) -> Any:
    """The value; numbers all whole, or all with a point, as strict clients take one of 1 and 0.5 for the wrong type."""
    if flag.type != FlagType.NUMBER:
        return value
    whole = all(float(variant.value).is_integer() for variant in flag.variants)
    return int(value) if whole else float(value)


def _context(body: bytes) -> Answer:
    if len(body) > LARGEST:
        raise Refused("PARSE_ERROR", _("A request is at most 64 kB long."))
    if not body.strip():
        return {}
    try:
        request = json.loads(body, parse_constant=_no_number)
    # What is nested too deep ends the reading too.
    except (ValueError, RecursionError):
        raise Refused("PARSE_ERROR", _("This is not JSON.")) from None
    if not isinstance(request, dict):
        raise Refused("PARSE_ERROR", _("A request is a JSON object."))
    context = request.get("context", {})
    if not isinstance(context, dict):
        raise Refused("INVALID_CONTEXT", _("The context is a JSON object."))
    return context


def _no_number(name: str) -> None:
    raise ValueError(name)
