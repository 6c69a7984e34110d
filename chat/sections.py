"""A model server as its page shows it: its models, how it did in the last hour, and the picture of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chat.health import Hour, Stretch
from chat.models import Model, Provider
from chat.parameters import PARAMETERS
from ui import moments

# The picture, in its own units: bars of this width, this far from one to the next, and this high at most.
BAR, STEP, HEIGHT = 10, 12, 40


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch in the picture: what failed stands on top of what succeeded."""

    stretch: Stretch
    x: int
    good: int
    bad: int

    @property
    def good_y(self) -> int:
        return HEIGHT - self.good

    @property
    def bad_y(self) -> int:
        return HEIGHT - self.good - self.bad


@dataclass(frozen=True, slots=True)
class Line:
    """One model, with what is said of it in words; `place` is its place in the chooser, None where it is not there."""

    model: Model
    place: int | None

    @property
    def prices(self) -> str:
        prices = (self.model.price_in, self.model.price_out)
        return " / ".join(plain(price) for price in prices if price is not None)

    @property
    def parameters(self) -> str:
        """ "Temperature 0.2, Top P 0.9"."""
        named = ((parameter.label, self.model.parameters.get(parameter.name)) for parameter in PARAMETERS)
        return ", ".join(f"{label} {number_format(value)}" for label, value in named if value is not None)


@dataclass(frozen=True, slots=True)
class Section:
    """A server on the page."""

    provider: Provider
    # Those that the search found; `found_all` where it left none out.
    lines: list[Line]
    found_all: bool
    hour: Hour
    bars: list[Bar]

    @property
    def in_words(self) -> str:
        return hour_in_words(self.hour)

    @property
    def offered(self) -> int:
        return sum(line.model.is_enabled for line in self.lines)


def section_of(provider: Provider, hour: Hour, words: str, places: Mapping[int, int]) -> Section:
    """The section of a server with those of its models whose names hold all of `words`."""
    known = list(provider.models.all())
    lines = [Line(model, places.get(model.pk)) for model in known if is_found(model, words)]
    return Section(provider, lines, len(lines) == len(known), hour, bars_of(hour))


def is_found(model: Model, words: str) -> bool:
    """Whether each of `words` is in one of the names of a model."""
    names = f"{model.label} {model.name}".casefold()
    return all(word in names for word in words.casefold().split())


def bars_of(hour: Hour) -> list[Bar]:
    """The picture of an hour; what happened at all is at least a line."""
    most = max(stretch.calls for stretch in hour.stretches)
    bars = []
    for number, stretch in enumerate(hour.stretches):
        bad = max(2, round(HEIGHT * stretch.failed / most)) if stretch.failed else 0
        good = max(2, round(HEIGHT * stretch.succeeded / most)) if stretch.succeeded else 0
        bars.append(Bar(stretch, number * STEP + 1, min(good, HEIGHT - bad), bad))
    return bars


def hour_in_words(hour: Hour) -> str:
    """How a server did, in one line."""
    if not hour.calls:
        return _("No calls in the last hour.")
    said = [ngettext("%(number)d call in the last hour", "%(number)d calls in the last hour", hour.calls)]
    said.append(
        _("none failed") if not hour.failed else ngettext("%(failed)d failed", "%(failed)d failed", hour.failed)
    )
    if hour.slowest_seconds:
        said.append(_("slowest first token %(slowest)s"))
    values = {"number": hour.calls, "failed": hour.failed, "slowest": moments.span(hour.slowest_seconds)}
    return ", ".join(said) % values + "."


def plain(price: Decimal) -> str:
    """Without the zeros that the column brings along, as the person writes numbers."""
    whole = price.normalize()
    return number_format(whole, max(2, -int(whole.as_tuple().exponent)) if whole % 1 else 0)
