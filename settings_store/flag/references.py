"""What rules may not say of other flags: go round in a circle, or name one that is not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store.definitions import near_names
from settings_store.flag.rules import circle
from settings_store.holding import DEFAULT, PLACES
from settings_store.models import Flag, Setting
from settings_store.realms import FLAG_PREFIX, name_of_key

type Needs = Mapping[str, list[str]]


def check_needs(changed: Collection[tuple[str, str]]) -> None:
    """Raises ValidationError where what was written last, under the lock, is wrong of any of these keys in its place.

    Rules of the common environment are asked where they hold. A flag that is off may always be: whatever it needed may
    be gone by now, and that must not keep it from being switched off.
    """
    rows = Setting.objects.filter(key__startswith=FLAG_PREFIX).values_list("key", "environment", "value")
    by_place = {(name_of_key(key), place): value for key, place, value in rows if value is not None}
    present = set(Flag.objects.filter(archived_at=None).values_list("key", flat=True))
    for place in PLACES:
        held = {name: by_place.get((name, place)) or by_place.get((name, DEFAULT)) for name in present}
        needs = {name: _needs(document) for name, document in held.items()}
        for key, where in sorted(changed):
            name = name_of_key(key)
            counts = where == place or (where == DEFAULT and (name, place) not in by_place)
            if counts and _is_on(held.get(name)):
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


def _is_on(document: object) -> bool:
    return isinstance(document, dict) and document.get("on") is True


def _needs(document: object) -> list[str]:
    found = document.get("needs", []) if isinstance(document, dict) else []
    return [name for name in found if isinstance(name, str)]
