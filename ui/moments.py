"""Times and spans in the few words a dense page has room for; the exact ones stand in the title."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

MINUTE, HOUR, DAY = 60, 3600, 86_400
# Up to this age "5 h" says more than a date; the pages keep such times true by themselves.
HOURS_UNTIL = 6


def exact(moment: datetime) -> str:
    """ "20 November 2026, 09:31:08" in the time zone of the person."""
    return date_format(timezone.localtime(moment), pgettext("exact time, Django's format", "j F Y, H:i:s"))


def clock(moment: datetime, *, now: datetime | None = None) -> str:
    """ "09:41:52" today, else "19 Nov 09:41:52" or "19 Nov 2025 09:41:52", for lists where each second counts."""
    moment, now = timezone.localtime(moment), timezone.localtime(now or timezone.now())
    time = date_format(moment, pgettext("time to the second, Django's format", "H:i:s"))
    if moment.date() == now.date():
        return time
    return f"{_date(moment, now)} {time}"


def is_recent(moment: datetime, *, now: datetime | None = None) -> bool:
    age = ((now or timezone.now()) - moment).total_seconds()
    return 0 <= age < HOURS_UNTIL * HOUR


def relative(moment: datetime, *, now: datetime | None = None) -> str:
    """ "now", "3 min", "5 h", "yesterday", "Tue", "12 Nov", "12 Nov 2025", and "in 3 min" for what is to come."""
    now = now or timezone.now()
    seconds = (now - moment).total_seconds()
    if abs(seconds) < MINUTE:
        return _("now")
    if abs(seconds) < HOUR:
        text = _("%s min") % int(abs(seconds) // MINUTE)
    elif abs(seconds) < HOURS_UNTIL * HOUR:
        text = _("%s h") % int(abs(seconds) // HOUR)
    else:
        return _day(timezone.localtime(moment), timezone.localtime(now))
    return text if seconds > 0 else _("in %s") % text


def ago(moment: datetime, *, now: datetime | None = None) -> str:
    """ "just now", "3 min ago", "5 h ago", "yesterday", "on Tue", "on 12 Nov", as they stand in a sentence."""
    now = now or timezone.now()
    seconds = (now - moment).total_seconds()
    text = relative(moment, now=now)
    if abs(seconds) < MINUTE:
        return _("just now")
    if is_recent(moment, now=now):
        return _("%s ago") % text
    days = (timezone.localtime(now).date() - timezone.localtime(moment).date()).days
    if seconds > 0 and days == 0:
        return _("today, %s") % text
    return _("on %s") % text if days > 1 else text


def _day(moment: datetime, now: datetime) -> str:
    days = (now.date() - moment.date()).days
    if days == 0:
        return date_format(moment, pgettext("time of day, Django's format", "H:i"))
    if days == 1:
        return _("yesterday")
    if days == -1:
        return _("tomorrow")
    if 1 < days < 7:
        return date_format(moment, "D")
    return _date(moment, now)


def _date(moment: datetime, now: datetime) -> str:
    if moment.year == now.year:
        return date_format(moment, pgettext("day of this year, Django's format", "j M"))
    return date_format(moment, pgettext("day of another year, Django's format", "j M Y"))


def span(length: timedelta | float) -> str:
    """ "0.41 s", "6.2 s", "2 min", "3 h 5 min", "2 d 3 h"."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if seconds < MINUTE:
        return _("%s s") % number_format(seconds, 2 if seconds < 1 else 1)
    minutes, hours, days = int(seconds // MINUTE), int(seconds // HOUR), int(seconds // DAY)
    if not hours:
        return _("%s min") % minutes
    if not days:
        return _join(_("%s h") % hours, _("%s min") % (minutes % 60), rest=minutes % 60)
    return _join(_("%s d") % days, _("%s h") % (hours % 24), rest=hours % 24)


def _join(whole: str, part: str, *, rest: int) -> str:
    return f"{whole} {part}" if rest else whole
