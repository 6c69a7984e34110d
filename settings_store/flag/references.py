"""What rules may not say of other flags: go round in a circle, or name one that is not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store.definitions import near_names
from settings_store.flag.rules import circle
from settings_store.holding import DEFAULT, PLACES
from settings_store.models import Flag, Setting
from settings_store.realms import FLAG_PREFIX, key_of_flag, name_of_key

type Needs = Mapping[str, list[str]]
type Place = tuple[str, str]


def check_needs(changed: Collection[Place], before: Mapping[Place, object]) -> None:
    """Raises ValidationError where what was written last, under the lock, is wrong of any of these keys in its place.

    `before` is what these keys had in every environment. Rules of the common environment are asked where they hold.
    A flag that is off may go on needing what is gone by now, or what leads back to it: that must not keep it from being
    switched off.
    """
    rows = Setting.objects.filter(key__startswith=FLAG_PREFIX).values_list("key", "environment", "value")
    now = {(key, place): value for key, place, value in rows}
    present = set(Flag.objects.filter(archived_at=None).values_list("key", flat=True))
    for place in PLACES:
        needs = {name: _needs(_held(now, key_of_flag(name), place)) for name in present}
        for key, where in sorted(changed):
            name = name_of_key(key)
            counts = where == place or (where == DEFAULT and now.get((key, place)) is None)
            if name not in present or not counts:
                continue
            is_on = _is_on(_held(now, key, place))
            if is_on:
                _check_present(needs[name], needs)
            if is_on or set(needs[name]) - set(_needs(_held(before, key, place))):
                _check_way(name, needs, place)


def dependents(name: str) -> list[str]:
    """The flags that need this one, in any environment."""
    rows = Setting.objects.filter(key__startswith=FLAG_PREFIX).values_list("key", "value")
    present = set(Flag.objects.filter(archived_at=None).values_list("key", flat=True))
    return sorted({name_of_key(key) for key, value in rows if name in _needs(value)} & present)


def _check_present(names: list[str], present: Collection[str]) -> None:
    for name in names:
        if name not in present:
            raise ValidationError(_("There is no flag %(key)s.") % {"key": repr(name)} + near_names(name, present))


def _check_way(name: str, needs: Needs, place: str) -> None:
    way = circle(name, lambda key: needs.get(key, []))
    if way:
        words = _("In %(place)s the flags would depend on each other in a circle: %(way)s.")
        raise ValidationError(words % {"place": place, "way": " → ".join(way)})


def _held(documents: Mapping[Place, object], key: str, place: str) -> object:
    own = documents.get((key, place))
    return documents.get((key, DEFAULT)) if own is None else own


def _is_on(document: object) -> bool:
    return isinstance(document, dict) and document.get("on") is True


def _needs(document: object) -> list[str]:
    found = document.get("needs", []) if isinstance(document, dict) else []
    return [name for name in found if isinstance(name, str)]
