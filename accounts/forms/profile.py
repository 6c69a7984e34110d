"""What people send about themselves."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ui.context import THEMES
from ui.forms import CharField


@cache
def time_zones() -> list[tuple[str, str]]:
    """All that this machine knows; looking them up walks through hundreds of files."""
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]


class ProfileForm(forms.Form):
    full_name = CharField(label=_("Full name"), max_length=150, required=False)
    bio = CharField(label=_("About you"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 4}))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=time_zones)
    theme = forms.ChoiceField(
        label=_("Theme"),
        choices=[("system", _("As the system has it")), ("light", _("Light")), ("dark", _("Dark"))],
    )


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=[(name, name) for name in ("system", *THEMES)])
