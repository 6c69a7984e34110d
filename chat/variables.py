"""Words that stand in a prompt for what is known only when it is sent: who asks, and when.

``{{name}}`` is put in each time a model is asked, so that the date is that day's. Two braces themselves are written
``\\{{``. A text that could not be saved today, because its variable is gone or was never closed, is sent as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from ui.registry import Text

# Two braces meant as such, a variable, or the beginning of one that does not end on its line.
_PLACE = re.compile(r"\\\{\{|\{\{([^{}\n]*)\}\}|\{\{[^{}\n]{0,30}")


@dataclass(frozen=True, slots=True)
class Variable:
    """One of them: what it says in a sentence for whoever writes prompts, and its value for somebody at a moment."""

    help: Text
    value: Callable[[User, datetime], str]


def rendered(text: str, *, user: User, now: datetime) -> str:
    """The text as it is sent for this person at this moment; what is no variable stays as it stands."""
    moment = now.astimezone(_zone(user))

    def value(place: re.Match[str]) -> str:
        if place[0] == "\\{{":
            return "{{"
        variable = VARIABLES.get((place[1] or "").strip())
        return variable.value(user, moment) if variable else place[0]

    return _PLACE.sub(value, text)


def check(text: str) -> None:
    """Raise ValidationError with a sentence that names the first broken variable, if there is one."""
    for place in _PLACE.finditer(text):
        if place[0] == "\\{{":
            continue
        if place[1] is None:
            raise ValidationError(
                _("The variable “%(start)s” is not closed. End it with }}, or write \\{{ for two braces as such.")
                % {"start": place[0].rstrip()},
                code="variable",
            )
        if place[1].strip() not in VARIABLES:
            raise ValidationError(_unknown(place[1].strip()), code="variable")


def _unknown(name: str) -> str:
    meant = get_close_matches(name.lower(), VARIABLES, n=1, cutoff=0.5)
    said = {"name": f"{{{{{name[:40]}}}}}", "meant": f"{{{{{meant[0]}}}}}" if meant else ""}
    if meant:
        return _("There is no variable %(name)s. Did you mean %(meant)s?") % said
    names = ", ".join(f"{{{{{each}}}}}" for each in VARIABLES)
    return _("There is no variable %(name)s. There are %(names)s.") % (said | {"names": names})


def _zone(user: User) -> tzinfo:
    try:
        return ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


VARIABLES = {
    "name": Variable(
        gettext_lazy("The full name of the person who talks, or the username where there is none"),
        lambda user, _moment: user.full_name or user.username,
    ),
    "date": Variable(
        gettext_lazy("The day in their time zone, as 2026-11-20"), lambda _user, moment: moment.date().isoformat()
    ),
    "time": Variable(gettext_lazy("The time there, as 09:31"), lambda _user, moment: f"{moment:%H:%M}"),
}
