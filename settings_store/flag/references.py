"""What rules may not say of other flags: go round in a circle, reach too far, or name one that is not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store.definitions import near_names
from settings_store.flag.rules import circle
from settings_store.holding import PLACES
from settings_store.models import Flag, Setting
from settings_store.realms import FLAG_PREFIX, name_of_key

# How many flags may stand one behind the other; each is evaluated for the first.
DEEPEST = 5

type Needs = Mapping[str, list[str]]


def check_needs(changed: Collection[str]) -> None:
    """Raises ValidationError where what was written last, under the lock, makes that of any of these keys wrong.

    Asked of every environment as it holds there, because rules of the common one hold in others too.
    """
    rows = Setting.objects.filter(key__startswith=FLAG_PREFIX).values_list("key", "environment", "value")
    by_place = {(name_of_key(key), place): value for key, place, value in rows if value is not None}
    present = set(Flag.objects.filter(archived_at=None).values_list("key", flat=True))
    names = sorted({name_of_key(key) for key in changed} & present)
    for place in PLACES:
        needs = {name: _needs(by_place.get((name, place)) or by_place.get((name, PLACES[0]))) for name in present}
        for name in names:
            _check(name, needs, place)


def dependents(name: str) -> list[str]:
    """The flags that need this one, in any environment."""
    rows = Setting.objects.filter(key__startswith=FLAG_PREFIX).values_list("key", "value")
    present = set(Flag.objects.filter(archived_at=None).values_list("key", flat=True))
    return sorted({name_of_key(key) for key, value in rows if name in _needs(value)} & present)


def _check(name: str, needs: Needs, place: str) -> None:
    for other in needs[name]:
        if other not in needs:
            raise ValidationError(_("There is no flag %(key)s.") % {"key": repr(other)} + near_names(other, needs))
    way = circle(name, lambda key: needs.get(key, []))
    if way:
        words = _("In %(place)s the flags would depend on each other in a circle: %(way)s.")
        raise ValidationError(words % {"place": place, "way": " → ".join(way)})
    for first in needs:
        if _depth(first, needs, DEEPEST + 1) > DEEPEST:
            words = _("In %(place)s more than %(most)d flags would stand one behind the other, from %(key)s on.")
            raise ValidationError(words % {"place": place, "most": DEEPEST, "key": first})


def _depth(name: str, needs: Needs, left: int) -> int:
    """How many flags stand one behind the other from here on; counts no further than `left`."""
    if not left:
        return 0
    return 1 + max((_depth(other, needs, left - 1) for other in needs.get(name, [])), default=0)


def _needs(document: object) -> list[str]:
    found = document.get("needs", []) if isinstance(document, dict) else []
    return [name for name in found if isinstance(name, str)]
