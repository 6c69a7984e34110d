"""Which flags have gone stale: nobody asks for them, or they decide the same for everybody, and long since."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from settings_store.flag import use
from settings_store.flag.evaluation import WHOLE
from settings_store.flag.rules import OFF, Document, moment
from settings_store.holding import DEFAULT, held
from settings_store.kept import flag_definition
from settings_store.models import Flag, Setting
from settings_store.realms import key_of_flag
from settings_store.store import get_setting

BATCH = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """What the mark of a flag in one environment hangs on."""

    created_at: datetime
    # When the rules that hold there became what they are.
    changed_at: datetime
    last_at: datetime | None
    rules: Document


def mark(facts: Facts, *, now: datetime, after: timedelta) -> str:
    """Why a flag is stale, in one sentence; empty where it is not."""
    since = now - after
    if facts.created_at > since:
        return ""
    if facts.last_at is None:
        return _("Never evaluated since it was created on %(day)s.") % {"day": _day(facts.created_at)}
    if facts.last_at <= since:
        return _("Not evaluated since %(day)s.") % {"day": _day(facts.last_at)}
    bounds = [moment(facts.rules[name]) for name in ("from", "until") if facts.rules["on"]]
    # When it last became different for anybody; what still lies ahead will.
    same_since = max([facts.changed_at, *filter(None, bounds)])
    if same_since > since:
        return ""
    if _nobody(facts.rules, now):
        return _("Off for everybody since %(day)s.") % {"day": _day(same_since)}
    if _everybody(facts.rules):
        return _("The same for everybody since %(day)s.") % {"day": _day(same_since)}
    return ""


def marks(flags: Collection[Flag], environment: str = "") -> dict[str, str]:
    """Why each of these that is stale is so in an environment, by key; without one, in that of this process.

    Permanent flags never are. Asks the same number of questions, however many flags there are up to `BATCH`.
    """
    place = environment or settings.ENVIRONMENT
    wanted = {flag.key: flag for flag in flags if not flag.is_permanent and flag.archived_at is None}
    if not wanted:
        return {}
    last, rules = use.last_evaluated(wanted, place), _rules(wanted, place)
    now, after = timezone.now(), get_setting("flags.stale_after")
    found = {}
    for key, flag in wanted.items():
        document, changed_at = rules.get(key, (OFF, None))
        facts = Facts(flag.created_at, max(changed_at or flag.created_at, flag.created_at), last.get(key), document)
        if words := mark(facts, now=now, after=after):
            found[key] = words
    return found


def _rules(flags: Mapping[str, Flag], place: str) -> dict[str, tuple[Document, datetime]]:
    """The rules that hold in an environment, and since when; flags that never had any are left out."""
    keys, rows = [key_of_flag(name) for name in flags], dict[tuple[str, str], Setting]()
    for start in range(0, len(keys), BATCH):
        some = Setting.objects.filter(key__in=keys[start : start + BATCH], environment__in={DEFAULT, place})
        rows |= {(row.key, row.environment): row for row in some}
    found = {}
    for name, flag in flags.items():
        asked = {(key_of_flag(name), each) for each in (DEFAULT, place)} & rows.keys()
        if not asked:
            continue
        holds = held(flag_definition(flag), place, rows)
        # Where its own do not hold any more, taking them back to the common ones counts as a change too.
        last = {(key_of_flag(name), place)} if holds.source == "own" and holds.is_given else asked
        found[name] = (holds.value, max(rows[each].updated_at for each in last))
    return found


def _nobody(rules: Document, now: datetime) -> bool:
    targets = rules["people"] or rules["roles"]
    end = moment(rules["until"])
    return not rules["on"] or (not rules["share"] and not targets) or (end is not None and end <= now)


def _everybody(rules: Document) -> bool:
    """On for everybody with at most one variant."""
    dealt = sum(each["weight"] > 0 for each in rules["variants"])
    return rules["share"] == WHOLE and not rules["excluded"] and not rules["needs"] and dealt <= 1


def _day(when: datetime) -> str:
    return date_format(timezone.localtime(when), "DATE_FORMAT")
