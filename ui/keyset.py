"""Keyset paging: a page begins after the last row of the one before, so the deepest page costs what the first does.

The place in the list is in the URL (`after` or `before`, the sort values of a row), never a number and never a count.
It holds for any order, with the primary key as the last tie; empty values (NULL) stand last, whichever way the list
runs.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import DateField, F, Field, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.http import HttpRequest, QueryDict

CURSOR_LENGTH = 4000


class BadCursorError(ValueError):
    """A place in a list that nobody was ever given."""


@dataclass(frozen=True, slots=True)
class Key:
    """One field of the order: its path, its direction, and whether it can be empty."""

    path: str
    descending: bool
    nullable: bool
    field: Field[Any, Any]

    def reversed(self) -> Key:
        return Key(self.path, not self.descending, self.nullable, self.field)

    def order_by(self, *, backwards: bool) -> OrderBy:
        """The order of this key, or its exact opposite for reading towards the beginning."""
        descending = self.descending != backwards
        # Saying where NULL goes keeps indexes from being used on some databases, so only where there can be one.
        nulls = {"nulls_first": True} if backwards else {"nulls_last": True}
        expression = F(self.path)
        options: dict[str, Any] = nulls if self.nullable else {}
        return expression.desc(**options) if descending else expression.asc(**options)

    def beyond(self, value: Any, *, backwards: bool) -> Q:
        """Rows that come after `value` by this key alone (before it, when reading backwards)."""
        if value is None:
            # Nothing stands after the empty ones; everything that has a value stands before them.
            return Q(**{f"{self.path}__isnull": False}) if backwards else Q(pk__in=[])
        comparison = "lt" if self.descending != backwards else "gt"
        condition = Q(**{f"{self.path}__{comparison}": value})
        if self.nullable and not backwards:
            condition |= Q(**{f"{self.path}__isnull": True})
        return condition

    def same(self, value: Any) -> Q:
        return Q(**{f"{self.path}__isnull": True}) if value is None else Q(**{self.path: value})


@dataclass(frozen=True, slots=True)
class Page[M: Model]:
    """One page of rows, with the addresses of its neighbours and of other orders; empty where there is none."""

    rows: list[M]
    sort: str
    newer_url: str
    older_url: str
    by_time: bool
    columns: Mapping[str, Sequence[str]]
    query: QueryDict
    default: str

    def sort_url(self, name: str) -> str:
        """The address of this list in the order `name`, turned round where it already is in that order."""
        wanted = f"-{name}" if self.sort == name else name
        return _url(self.query, sort=None if wanted == self.default else wanted)

    def sort_state(self, name: str) -> str:
        """What aria-sort says of this column: ascending, descending, or nothing."""
        if self.sort.removeprefix("-") != name:
            return ""
        natural_descending = self.columns[name][0].startswith("-")
        return "descending" if natural_descending != self.sort.startswith("-") else "ascending"


def paginate[M: Model](
    queryset: QuerySet[M],
    request: HttpRequest,
    *,
    order: Mapping[str, Sequence[str]],
    default: str,
    per_page: int = 50,
    never_null: Container[str] = (),
) -> Page[M]:
    """The page of `queryset` that the address asks for, in one query.

    `order` names the orders people may choose (`?sort=name`, `?sort=-name` turned round) and the fields of each;
    `default` is one of them. A place or an order that makes no sense shows the first page. `never_null` are fields that
    could be empty and are not in this queryset: said so, an index can serve them.
    """
    sort = request.GET.get("sort", default)
    if sort.removeprefix("-") not in order:
        sort = default
    keys = _keys(queryset, order[sort.removeprefix("-")], turned=sort.startswith("-"))
    keys = [replace(key, nullable=False) if key.path in never_null else key for key in keys]
    after, before = request.GET.get("after"), request.GET.get("before")
    backwards = after is None and before is not None
    place = before if backwards else after
    rows: list[M] = []
    more = False
    if place is not None:
        try:
            rows, more = _read(queryset, keys, _decode(place, keys), backwards=backwards, per_page=per_page)
        except BadCursorError:
            rows = []
    if not rows:
        # The first page, also where a place has nothing left beyond it.
        place, backwards = None, False
        rows, more = _read(queryset, keys, None, backwards=False, per_page=per_page)
    newer = bool(rows) and (more if backwards else place is not None)
    older = bool(rows) and (True if backwards else more)
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    return Page(
        rows=rows,
        sort=sort,
        newer_url=_url(query, before=_encode(rows[0], keys)) if newer else "",
        older_url=_url(query, after=_encode(rows[-1], keys)) if older else "",
        by_time=isinstance(keys[0].field, DateField) and keys[0].descending,
        columns=order,
        query=query,
        default=default,
    )


def _read[M: Model](
    queryset: QuerySet[M], keys: list[Key], place: list[Any] | None, *, backwards: bool, per_page: int
) -> tuple[list[M], bool]:
    """Up to `per_page` rows in list order, and whether there are more in the direction read."""
    if place is not None:
        queryset = queryset.filter(_beyond(keys, place, backwards=backwards))
    ordered = queryset.order_by(*(key.order_by(backwards=backwards) for key in keys))
    try:
        rows = list(ordered[: per_page + 1])
    except (OverflowError, ValueError, TypeError) as error:
        if place is None:
            raise
        raise BadCursorError from error
    more = len(rows) > per_page
    rows = rows[:per_page]
    return (rows[::-1] if backwards else rows), more


def _beyond(keys: list[Key], place: list[Any], *, backwards: bool) -> Q:
    """Rows strictly beyond `place`: beyond it by the first key, or equal there and beyond by the second, and so on."""
    condition = Q()
    same = Q()
    for key, value in zip(keys, place, strict=True):
        condition |= same & key.beyond(value, backwards=backwards)
        same &= key.same(value)
    first, value = keys[0], place[0]
    if value is not None and not first.nullable and len(keys) > 1:
        # Says again what the alternatives imply together, so that a database enters its index at the right place.
        bound = "lte" if first.descending != backwards else "gte"
        condition = Q(**{f"{first.path}__{bound}": value}) & condition
    return condition


def _keys(queryset: QuerySet[Any], paths: Sequence[str], *, turned: bool) -> list[Key]:
    names = list(paths)
    pk = queryset.model._meta.pk
    if names[-1].lstrip("-") not in {"pk", pk.name}:
        # Ties run the way of the first field, so that one index can serve the whole order.
        names.append("-pk" if names[0].startswith("-") else "pk")
    keys = [_key(queryset, name) for name in names]
    return [key.reversed() for key in keys] if turned else keys


def _key(queryset: QuerySet[Any], name: str) -> Key:
    path = name.removeprefix("-")
    descending = name.startswith("-")
    annotation = queryset.query.annotations.get(path)
    if annotation is not None:
        return Key(path, descending, nullable=True, field=annotation.output_field)
    model = queryset.model
    field: Any = None
    nullable = False
    for step in path.split("__"):
        field = model._meta.pk if step == "pk" else model._meta.get_field(step)
        if not isinstance(field, Field):
            raise FieldDoesNotExist(f"{path} does not lead to one value of a row")
        nullable = nullable or field.null
        model = field.related_model or model
    return Key(path, descending, nullable=nullable, field=field)


def _value(row: Model, path: str) -> Any:
    value: Any = row
    for step in path.split("__"):
        value = getattr(value, step)
        if value is None:
            return None
    return value.pk if isinstance(value, Model) else value


def _encode(row: Model, keys: list[Key]) -> str:
    values = [_plain(_value(row, key.path)) for key in keys]
    return urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value)


def _decode(cursor: str, keys: list[Key]) -> list[Any]:
    """The sort values in `cursor`; raises BadCursorError for anything that this module would not have written."""
    if len(cursor) > CURSOR_LENGTH:
        raise BadCursorError
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
        values = json.loads(text, parse_constant=_refuse)
        if not isinstance(values, list) or len(values) != len(keys):
            raise BadCursorError
        return [_typed(key, value) for key, value in zip(keys, values, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, ArithmeticError, binascii.Error) as error:
        raise BadCursorError from error
    except ValidationError as error:
        raise BadCursorError from error


def _typed(key: Key, value: Any) -> Any:
    if value is None:
        if not key.nullable:
            raise BadCursorError
        return None
    if not isinstance(value, bool | int | float | str):
        raise BadCursorError
    if isinstance(value, str) and ("\0" in value or not _encodable(value)):
        raise BadCursorError
    # A foreign key gives its value to the key it points at.
    typed = key.field.to_python(value)
    if isinstance(typed, datetime) and typed.tzinfo is None:
        raise BadCursorError
    return typed


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _refuse(constant: str) -> Any:
    raise BadCursorError(constant)


def _url(query: QueryDict, **changes: str | None) -> str:
    """The query string with `changes`; None takes a parameter out."""
    changed = query.copy()
    for name, value in changes.items():
        changed.pop(name, None)
        if value is not None:
            changed[name] = value
    return f"?{changed.urlencode()}"
