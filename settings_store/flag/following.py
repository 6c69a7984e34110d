"""Which flags change along with one that they need."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from settings_store.actions.setting import rows_of
from settings_store.flag.grid import State, state_of
from settings_store.holding import held
from settings_store.kept import flag_definition
from settings_store.models import Flag, Protection
from settings_store.realms import FLAG_PREFIX, key_of_flag


def protected_with(name: str) -> list[str]:
    """The protected flags that are on here and need this one, at once or by way of others that are on."""
    protected = set(Protection.objects.filter(key__startswith=FLAG_PREFIX).values_list("key", flat=True))
    if not protected:
        return []
    definitions = [flag_definition(flag) for flag in Flag.objects.filter(archived_at=None)]
    rows = rows_of(definition.key for definition in definitions)
    needing: dict[str, list[str]] = {}
    now = timezone.now()
    for definition in definitions:
        document = held(definition, settings.ENVIRONMENT, rows).value
        for need in document["needs"] if state_of(document, now) is not State.OFF else ():
            needing.setdefault(need, []).append(definition.name)
    found, following = set[str](), [name]
    while following:
        new = set(needing.get(following.pop(), ())) - found
        found |= new
        following += new
    return sorted(each for each in found if key_of_flag(each) in protected)
