"""What people ask of the trail."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_store.addresses import parse_address
from settings_store.trail.words import SHORTEST_BEGINNING

FIRST_YEAR, LAST_YEAR = 1970, 2999


class AuditFilter(forms.Form):
    """What the trail is asked for, from its address; an empty field asks nothing."""

    q = forms.CharField(required=False, max_length=200, label=gettext_lazy("Search the trail"))
    actor = forms.CharField(required=False, max_length=150, label=gettext_lazy("Who"))
    action = forms.CharField(required=False, max_length=80, label=gettext_lazy("Act"), widget=forms.Select)
    since = forms.DateField(
        required=False, label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        required=False, label=gettext_lazy("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    address = forms.CharField(required=False, max_length=60, label=gettext_lazy("Address"))
    environment = forms.CharField(required=False, max_length=20, label=gettext_lazy("Environment"), widget=forms.Select)
    target_type = forms.CharField(required=False, max_length=60, label=gettext_lazy("On what"), widget=forms.Select)
    # Links alone set these.
    actor_id = forms.IntegerField(required=False, min_value=0, max_value=2**62)
    target_id = forms.CharField(required=False, max_length=64)
    request = forms.CharField(required=False, max_length=64)

    def offer(self, *, actions: Sequence[str], types: Sequence[str], environments: Sequence[str]) -> None:
        """Offer what the trail knows; an address may ask for something else all the same."""
        groups = itertools.groupby(actions, key=lambda action: action.partition(".")[0])
        acts: list[tuple[str, str | list[tuple[str, str]]]] = [("", _("Any act"))]
        for group, members in groups:
            listed = [(action, action) for action in members]
            acts.append((group, [(f"{group}.", _("%(group)s, all") % {"group": group}), *listed]))
        kinds = sorted(((name, kind_name(name)) for name in types), key=lambda kind: kind[1].casefold())
        places = [(name, name) for name in environments]
        for name, choices in (
            ("action", acts),
            ("target_type", [("", _("Any object")), *kinds]),
            ("environment", [("", _("Any environment")), *places]),
        ):
            self.fields[name].widget = forms.Select(choices=choices)

    def clean_q(self) -> str:
        text: str = self.cleaned_data["q"]
        if any(len(word) < SHORTEST_BEGINNING for word in re.findall(r"([^\W_]+)\*", text)):
            raise ValidationError(_("The beginning of a word needs three letters or more before its *."))
        return text

    def clean_address(self) -> str:
        text = self.cleaned_data["address"]
        address = parse_address(text) if text else None
        if text and address is None:
            raise ValidationError(_("This is not an address of a network, such as 192.0.2.7."))
        return str(address or "")

    def clean_since(self) -> datetime | None:
        return _midnight(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        day = self.cleaned_data["until"]
        # The day itself is meant to be in.
        return _midnight(day, days=1)


def kind_name(target_type: str) -> str:
    """What people call objects of this type: the name of the model, or the type where there is none (any more)."""
    try:
        return str(apps.get_model(target_type)._meta.verbose_name).capitalize()
    except (LookupError, ValueError):
        return target_type


def check_year(day: date) -> None:
    """Refuse days so far away that in the time zone of another there would be no such day."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        years = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise ValidationError(_("Give a day of the years %(first)d to %(last)d.") % years)


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    """The beginning of a day in the time zone of whoever asks, or so many days later."""
    if day is None:
        return None
    check_year(day)
    return timezone.make_aware(datetime.combine(day + timedelta(days=days), time.min))
