"""Messages in templates."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.formats import number_format
from django.utils.safestring import SafeString

from chat.markdown import finished_length, to_html, unfinished_html
from chat.parameters import PARAMETERS, Parameters
from settings_store.store import get_setting

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹"}
# Costs are kept to this many places.
PLACES = 8

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """A finished answer as HTML."""
    return to_html(text)


@register.filter
def finished_blocks(text: str) -> SafeString:
    """Of an answer being written, the blocks that will not change any more, as HTML."""
    return to_html(text[: finished_length(text)])


@register.filter
def unfinished_rest(text: str) -> SafeString:
    """Of an answer being written, what comes after its finished blocks."""
    return unfinished_html(text[finished_length(text) :])


@register.filter
def milliseconds(value: int | None) -> float | None:
    """Milliseconds as the seconds that `duration` writes."""
    return None if value is None else value / 1000


@register.filter
def money(amount: Decimal | None) -> str:
    """An amount in the currency of the house: whole cents, and below one two digits that say something."""
    if amount is None:
        return ""
    places = 2
    if 0 < abs(amount) < Decimal("0.1"):
        amount = round(amount, min(1 - amount.adjusted(), PLACES)).normalize()
        places = max(-int(amount.as_tuple().exponent), places)
    currency = str(get_setting("chat.currency"))
    written = number_format(round(amount, places), decimal_pos=places)
    return f"{SIGNS[currency]}{written}" if currency in SIGNS else f"{currency} {written}"


@register.filter
def in_words(parameters: Parameters) -> str:
    """What is set of the parameters: "temperature 0.3 · longest answer 500"."""
    said = [(parameter, parameters.get(parameter.name)) for parameter in PARAMETERS]
    return " · ".join(f"{str(parameter.label).lower()} {value}" for parameter, value in said if value is not None)
