"""Pages of a list, walked both ways under every order, must be the list: nothing twice, nothing left out."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Length
from django.http import QueryDict
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from ui.keyset import Page, paginate

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 1, tzinfo=UTC)
ORDER = {
    "name": ("full_name", "-username_key"),
    "seen": ("-last_login",),
    "boss": ("supervisor__full_name", "last_login"),
    "active": ("-is_active", "created_at"),
    "id": ("pk",),
}


def page_at(query: str, *, per_page: int = 3, default: str = "name") -> Page[User]:
    request = RequestFactory().get(f"/users/?{query.removeprefix('?')}")
    people = User.objects.select_related("supervisor")
    return paginate(people, request, order=ORDER, default=default, per_page=per_page)


def make_people(rows: list[tuple[str, int | None, bool, int, int | None]]) -> None:
    people: list[User] = []
    for number, (full_name, seen, active, created, boss) in enumerate(rows):
        people.append(
            User.objects.create(
                username=f"p{number}",
                email=f"p{number}@example.org",
                full_name=full_name,
                last_login=None if seen is None else START + timedelta(microseconds=seen),
                is_active=active,
                created_at=START + timedelta(days=created),
                supervisor=people[boss % len(people)] if boss is not None and people else None,
            )
        )


def expected(sort: str) -> list[int]:
    """The whole list by brute force, in Python: stable sorts from the last key to the first, empty values last."""
    turned = sort.startswith("-")
    fields = [*ORDER[sort.removeprefix("-")], "-pk" if ORDER[sort.removeprefix("-")][0].startswith("-") else "pk"]
    people = list(User.objects.select_related("supervisor"))
    for name in reversed(fields):
        path = name.removeprefix("-")

        def value(person: User, path: str = path) -> Any:
            if path == "supervisor__full_name":
                return person.supervisor.full_name if person.supervisor else None
            return getattr(person, path)

        filled = [person for person in people if value(person) is not None]
        empty = [person for person in people if value(person) is None]
        # sorted(reverse=True) keeps the order of equals, as stable sorting by several keys needs.
        people = sorted(filled, key=value, reverse=name.startswith("-") != turned) + empty
    return [person.pk for person in people]


people_rows = st.lists(
    st.tuples(
        st.sampled_from(["", "Ana", "Bo", "Cé"]),
        st.none() | st.integers(0, 3),
        st.booleans(),
        st.integers(0, 2),
        st.none() | st.integers(0, 9),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=people_rows, sort=st.sampled_from([*ORDER, *(f"-{name}" for name in ORDER)]), per_page=st.integers(1, 5))
def test_walking_forth_and_back_gives_the_whole_list_once(rows: Any, sort: str, per_page: int) -> None:
    with transaction.atomic():
        make_people(rows)
        whole = expected(sort)

        page = page_at(f"sort={sort}", per_page=per_page)
        forth = [[person.pk for person in page.rows]]
        assert page.newer_url == ""
        while page.older_url:
            page = page_at(page.older_url, per_page=per_page)
            forth.append([person.pk for person in page.rows])
        assert [pk for rows in forth for pk in rows] == whole

        back = [forth[-1]]
        while page.newer_url:
            page = page_at(page.newer_url, per_page=per_page)
            back.insert(0, [person.pk for person in page.rows])
        assert [pk for rows in back for pk in rows] == whole
        transaction.set_rollback(True)


def five() -> None:
    make_people([(name, number, True, number, None) for number, name in enumerate(["Eva", "Ana", "Cy", "Bo", "Di"])])


def names(page: Page[User]) -> list[str]:
    return [person.full_name for person in page.rows]


def test_a_row_that_came_in_between_moves_nothing() -> None:
    five()
    page = page_at("", per_page=2)
    User.objects.create(username="new", email="new@example.org", full_name="Aaron")
    assert names(page_at(page.older_url, per_page=2)) == ["Cy", "Di"]


def test_other_filters_stay_in_the_addresses() -> None:
    five()
    page = page_at("q=a%26b&state=on&state=off", per_page=2)
    query = QueryDict(page.older_url.removeprefix("?"))
    assert query["q"] == "a&b"
    assert query.getlist("state") == ["on", "off"]
    assert "after" not in QueryDict(page.sort_url("seen").removeprefix("?"))


def test_the_head_of_the_sorted_column_turns_the_order_round() -> None:
    five()
    page = page_at("")
    assert page.sort_state("name") == "ascending"
    assert page.sort_state("seen") == ""
    assert page_at("sort=seen").sort_state("seen") == "descending"
    turned = page_at(page.sort_url("name"))
    assert turned.sort_state("name") == "descending"
    assert names(turned) == ["Eva", "Di", "Cy"]
    assert names(page_at(turned.sort_url("name"))) == ["Ana", "Bo", "Cy"]


def test_only_orders_by_time_from_the_newest_speak_of_older_and_newer() -> None:
    five()
    assert page_at("sort=seen").by_time
    assert not page_at("sort=-seen").by_time
    assert not page_at("sort=name").by_time


def test_an_order_by_an_annotation_pages_too() -> None:
    five()
    people = User.objects.annotate(length=Length("full_name"))
    first = paginate(people, RequestFactory().get("/"), order={"length": ("-length",)}, default="length", per_page=2)
    second = paginate(
        people,
        RequestFactory().get(f"/{first.older_url}"),
        order={"length": ("-length",)},
        default="length",
        per_page=9,
    )
    assert {person.full_name for person in [*first.rows, *second.rows]} == {"Eva", "Ana", "Cy", "Bo", "Di"}
    assert names(first) == ["Eva", "Ana"] or names(first) == ["Ana", "Eva"]


def test_no_rows_no_neighbours() -> None:
    page = page_at("")
    assert (page.rows, page.newer_url, page.older_url) == ([], "", "")


def test_a_place_with_nothing_left_beyond_it_shows_the_first_page() -> None:
    five()
    older_url = page_at("", per_page=3).older_url
    User.objects.filter(full_name__in=["Di", "Eva"]).delete()
    page = page_at(older_url, per_page=3)
    assert names(page) == ["Ana", "Bo", "Cy"]
    assert page.newer_url == ""


def cursor(values: Any) -> str:
    return urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "place",
    [
        "",
        "%00",
        "not base64 at all",
        "ÿÿÿ",
        cursor("Ana"),
        cursor([]),
        cursor([1, 2, 3, 4]),
        cursor([None, None, None]),
        cursor([["Ana"], "p1", 1]),
        cursor([{"a": 1}, "p1", 1]),
        cursor(["Ana", "p1", "one"]),
        cursor(["Ana", "p1", 1e400]),
        cursor(["A\0na", "p1", 1]),
        cursor(["A\ud800na", "p1", 1]),
        cursor(["Ana", "p1", True, []]),
        "W" * 100_000,
        urlsafe_b64encode(b"[" * 2000).decode(),
        urlsafe_b64encode(b"[NaN,Infinity,1]").decode(),
    ],
)
def test_a_place_nobody_was_given_shows_the_first_page(place: str) -> None:
    five()
    query = QueryDict(mutable=True)
    for name in ("after", "before"):
        query.clear()
        query[name] = place
        assert names(page_at(query.urlencode())) == ["Ana", "Bo", "Cy"]


@pytest.mark.parametrize(
    "values",
    [
        ["yesterday", 1],
        ["2026-11-01", 1],
        ["2026-11-01T00:00:00", 1],
        ["9999-12-31T23:59:59-14:00", 1],
        [10**400, 1],
        [True, 1],
    ],
)
def test_a_time_that_is_none_shows_the_first_page(values: list[Any]) -> None:
    five()
    assert names(page_at(f"sort=seen&after={cursor(values)}")) == ["Di", "Bo", "Cy"]


def test_a_number_too_large_for_any_database_is_only_a_place() -> None:
    five()
    assert names(page_at(f"sort=id&before={cursor([10**30])}")) == ["Cy", "Bo", "Di"]


@pytest.mark.parametrize("sort", ["", "password", "-", "name,seen", "%00", "supervisor__password"])
def test_an_order_that_is_not_offered_is_the_default_one(sort: str) -> None:
    five()
    page = page_at(f"sort={sort}")
    assert page.sort == "name"
    assert names(page) == ["Ana", "Bo", "Cy"]


def test_one_query_a_page_however_deep(django_assert_num_queries: Any) -> None:
    five()
    first = page_at("sort=boss", per_page=2)
    for url in (first.older_url, page_at(first.older_url, per_page=2).newer_url, "sort=name"):
        with django_assert_num_queries(1):
            page_at(url, per_page=2)


def test_a_constant_annotation_is_no_obstacle() -> None:
    five()
    # Text: a bare number in ORDER BY is the place of a column to MariaDB.
    people = User.objects.annotate(one=Value("same"))
    page = paginate(people, RequestFactory().get("/"), order={"one": ("one", "full_name")}, default="one", per_page=9)
    assert names(page) == ["Ana", "Bo", "Cy", "Di", "Eva"]
