"""Every column that holds sealed values: what rotation seals anew, and what is looked at when a key may go.

Each floor says in its `AppConfig.ready()` which columns it seals, in which context and for which environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import BinaryField, Count, F, Value
from django.db.models.functions import Substr

from settings_store.crypto import FORMAT, KEY_ID_BYTES, CannotOpen, keyring, keyrings, open_sealed

# Rows read at once: as many as make the way to the database short, and few enough to hold.
BATCH = 500


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of sealed values; `context` says what each is bound to."""

    model: type[models.Model]
    column: str
    context: Callable[[Any], str]
    # The look-up of the environment whose key seals a row, empty where that is always this installation's.
    environment: str = ""
    # What the context and the name of a row need beside it.
    related: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.model._meta.verbose_name_plural)

    def rows(self) -> models.QuerySet[Any]:
        """The rows that hold a value, by number, each with `seal_key` and `seal_environment`."""
        here = Value(settings.ENVIRONMENT, output_field=models.CharField())
        rows: models.QuerySet[Any] = self.model._base_manager.exclude(**{self.column: None}).annotate(
            seal_key=Substr(self.column, len(FORMAT) + 1, KEY_ID_BYTES, output_field=BinaryField()),
            seal_environment=F(self.environment) if self.environment else here,
        )
        if self.related:
            rows = rows.select_related(*self.related)
        return rows.order_by("pk")

    def outdated(self, environment: str) -> models.QuerySet[Any]:
        """The rows of an environment that another key than its newest has sealed."""
        return self.rows().filter(seal_environment=environment).exclude(seal_key=keyring(environment).newest.id)

    def census(self) -> dict[tuple[str, str], int]:
        """How many values there are, by environment and name of their key."""
        counted = self.rows().order_by().values_list("seal_environment", "seal_key").annotate(count=Count("pk"))
        return {(environment, bytes(key).hex()): count for environment, key, count in counted}

    def sealed(self, row: Any) -> bytes:
        return bytes(getattr(row, self.column))

    def opened(self, row: Any) -> bytes:
        """The plaintext of a row from `rows`; raises CannotOpen."""
        return open_sealed(self.sealed(row), context=self.context(row), environment=row.seal_environment)


@dataclass(frozen=True, slots=True)
class Unopened:
    """A value that does not open here, and why in a sentence."""

    column: SealedColumn
    row: Any
    error: CannotOpen

    def __str__(self) -> str:
        return f"{self.column.model._meta.verbose_name} {self.row}"


_columns: list[SealedColumn] = []


def add(column: SealedColumn) -> None:
    """Say that a column holds sealed values."""
    _columns.append(column)


def columns() -> list[SealedColumn]:
    return list(_columns)


def unopened(newest: int | None = None, *, of: type[models.Model] | None = None) -> Iterator[Unopened]:
    """The values that do not open though this installation holds keys of their environment.

    Looks at all values, or at the `newest` rows of each column; of every table, or `of` one.
    """
    held = [ring.environment for ring in keyrings()]
    for column in _columns:
        if of not in (None, column.model):
            continue
        rows = column.rows().filter(seal_environment__in=held).order_by("-pk")
        for row in rows[:newest] if newest else rows.iterator(BATCH):
            try:
                column.opened(row)
            except CannotOpen as error:
                yield Unopened(column, row, error)
