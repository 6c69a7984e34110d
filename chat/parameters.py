"""What may be asked of a model besides its words: the names of the OpenAI format, and their bounds.

Kept as a dictionary of plain numbers that holds only what somebody has set. A conversation outweighs its model, and
the model outweighs the settings of the house.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from settings_store.store import get_setting
from ui.registry import Text


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of them: `name` as the wire has it, and the least and the most that it may be."""

    name: str
    label: Text
    help: Text
    least: Decimal
    most: Decimal
    is_whole: bool = False


PARAMETERS = (
    Parameter(
        "temperature",
        _("Temperature"),
        _("How freely it chooses its words: 0 for the likeliest ones, at most 2."),
        Decimal(0),
        Decimal(2),
    ),
    Parameter(
        "top_p",
        _("Top P"),
        _("Only words that together make up this share of the likeliest: above 0, at most 1."),
        Decimal("0.01"),
        Decimal(1),
    ),
    Parameter(
        "max_tokens",
        _("Longest answer"),
        _("In tokens, from 16 to 131,072."),
        Decimal(16),
        Decimal(131_072),
        is_whole=True,
    ),
)

type Parameters = Mapping[str, float | int]


def for_wire(*said: Parameters) -> dict[str, float | int]:
    """What is sent with a request: what the settings say, and over them each of `said`, the last outweighing."""
    values: dict[str, Any] = {
        "temperature": float(get_setting("chat.temperature")),
        "max_tokens": int(get_setting("chat.max_output_tokens")),
    }
    for each in said:
        values |= each
    return values
