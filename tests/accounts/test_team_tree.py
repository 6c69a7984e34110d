from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import teams
from accounts.models import User
from tests.factories import client_of, make_user

URL = "/users/teams/"


def shown(client: Client, query: str = "", **headers: str) -> list[tuple[int, str, int, int]]:
    """Level, username, and how many stand below, directly and in all, of each row."""
    answer = client.get(f"{URL}{query}", headers=headers)
    assert answer.status_code == 200
    rows = answer.context["rows"]
    return [(row.level, row.person.username, row.size.direct, row.size.whole) for row in rows]


def below(supervisor: User | None, *names: str) -> list[User]:
    return [make_user(username=name, supervisor=supervisor) for name in names]


def crowd(count: int, supervisor: User | None) -> None:
    User.objects.bulk_create(
        User(
            username=f"c{number:04}",
            email=f"c{number:04}@example.org",
            username_key=f"c{number:04}",
            email_key=f"c{number:04}@example.org",
            name_key=f"c{number:04}",
            supervisor=supervisor,
        )
        for number in range(count)
    )


@pytest.fixture
def chief(db: None) -> User:
    """Two teams below, one of them with a team of its own; beside them somebody with another team."""
    chief = make_user(username="chief")
    first, second = below(chief, "first", "second")
    (deep,) = below(first, "deep")
    below(deep, "deepest")
    below(second, "other")
    below(make_user(username="solo"), "solos")
    return chief


def test_it_begins_with_the_heads_of_teams(as_admin: Client, chief: User) -> None:
    assert shown(as_admin) == [(1, "chief", 2, 5), (1, "solo", 1, 1)]
    page = as_admin.get(URL)
    assert "No supervisor and no team" in page.content.decode()
    assert [row.person.username for row in as_admin.get(f"{URL}?open=nobody").context["rows"]] == ["maren"]


def test_a_line_is_opened_down_to_somebody(as_admin: Client, chief: User) -> None:
    deep = User.objects.get(username="deep")
    assert shown(as_admin, f"?open={deep.public_id}") == [
        (1, "chief", 2, 5),
        (2, "first", 1, 2),
        (3, "deep", 1, 1),
        (4, "deepest", 0, 0),
    ]
    rows = as_admin.get(f"{URL}?open={deep.public_id}").context["rows"]
    assert [row.is_open for row in rows] == [True, True, True, False]
    # To close somebody is to open whoever stands above.
    assert rows[1].url == f"{URL}?open={chief.public_id}"
    assert rows[0].url == URL


def test_within_the_page_rows_come_alone(as_admin: Client, chief: User) -> None:
    first = User.objects.get(username="first")
    headers = {"HX-Request": "true", "HX-Target": f"of-{first.public_id}"}
    assert shown(as_admin, f"?open={first.public_id}", **headers) == [(3, "deep", 1, 1)]
    fragment = as_admin.get(f"{URL}?open={first.public_id}", headers=headers).content.decode()
    assert fragment.strip().startswith("<tr")
    assert 'data-level="3"' in fragment


def test_the_only_head_is_open_at_once(as_admin: Client) -> None:
    below(make_user(username="top"), "one", "two")
    assert shown(as_admin) == [(1, "top", 2, 2), (2, "one", 0, 0), (2, "two", 0, 0)]


def test_supervisors_see_themselves_as_the_top(supervisor: User, as_supervisor: Client, chief: User) -> None:
    User.objects.filter(pk=supervisor.pk).update(supervisor=chief)
    (mine,) = below(supervisor, "mine")
    below(mine, "theirs")
    assert shown(as_supervisor) == [(1, "kofi", 1, 2), (2, "mine", 1, 1)]
    assert [row[:2] for row in shown(as_supervisor, f"?open={mine.public_id}")] == [
        (1, "kofi"),
        (2, "mine"),
        (3, "theirs"),
    ]
    page = as_supervisor.get(URL).content.decode()
    assert "chief" not in page
    assert "Move" not in page


@pytest.mark.parametrize("path", ["?open={chief}", "?open=nobody", "?q=chief", "?q=e"])
def test_nobody_else_is_there_for_them(supervisor: User, as_supervisor: Client, chief: User, path: str) -> None:
    below(supervisor, "mine")
    answer = as_supervisor.get(f"{URL}{path.format(chief=chief.public_id)}")
    assert answer.status_code == (404 if "{" in path else 200)
    assert "chief" not in answer.content.decode().replace("q=chief", "").replace('value="chief"', "")
    assert "solo" not in answer.content.decode()


def test_one_who_is_found_stands_in_the_tree_and_of_many_one_is_chosen(as_admin: Client, chief: User) -> None:
    assert [row[1] for row in shown(as_admin, "?q=deepest")] == ["chief", "first", "deep", "deepest"]
    found = as_admin.get(f"{URL}?q=deep")
    assert [person.username for person in found.context["found"]] == ["deep", "deepest"]
    assert f"?open={User.objects.get(username='deepest').public_id}" in found.content.decode()
    assert "No one matches" in as_admin.get(f"{URL}?q=zzz").content.decode()


def test_a_wide_team_comes_in_pages(as_admin: Client) -> None:
    wide = make_user(username="wide")
    crowd(120, wide)
    seen: list[str] = []
    query = f"?open={wide.public_id}"
    while query:
        answer = as_admin.get(f"{URL}{query}", headers={"HX-Request": "true", "HX-Target": f"more-{wide.public_id}"})
        rows = answer.context["rows"]
        assert len(rows) <= 50
        seen += [row.person.username for row in rows]
        query = answer.context["page"].older_url
    assert seen == [f"c{number:04}" for number in range(120)]
    # Without scripts, the next ones stand below the line again.
    second = as_admin.get(f"{URL}{as_admin.get(f'{URL}?open={wide.public_id}').context['page'].older_url}")
    assert [row.person.username for row in second.context["rows"][:2]] == ["wide", "c0050"]


def test_who_is_deactivated_is_shown_as_such(as_admin: Client, chief: User) -> None:
    User.objects.filter(username="first").update(is_active=False)
    page = as_admin.get(f"{URL}?open={chief.public_id}").content.decode()
    assert page.count("deactivated") == 1


@pytest.mark.parametrize("people", [3, 300])
def test_queries_do_not_grow_with_teams(as_admin: Client, people: int) -> None:
    head = make_user(username="head")
    for number in range(5):
        head = make_user(username=f"level{number}", supervisor=head)
    crowd(people, head)
    as_admin.get(URL)
    with CaptureQueriesContext(connection) as queries:
        as_admin.get(f"{URL}?open={head.public_id}")
    # Session, person and their roles; whom, line, those in it, those below, sizes, roles; the counts of the rail.
    assert 8 < len(queries) <= 14, [query["sql"][:100] for query in queries]


def plant_circle(*people: User) -> None:
    for person, supervisor in zip(people, [*people[1:], people[0]], strict=True):
        User.objects.filter(pk=person.pk).update(supervisor=supervisor)


def test_a_circle_in_the_rows_ends_and_is_no_error(as_admin: Client) -> None:
    ring = [make_user(username=f"ring{number}") for number in range(3)]
    plant_circle(*ring)
    below(ring[0], "hanging")
    assert [row[1] for row in shown(as_admin, f"?open={ring[0].public_id}")][-3:] == ["ring0", "hanging", "ring2"]
    assert as_admin.get(URL).status_code == 200
    for path in ("", "move/"):
        assert as_admin.get(f"/users/{ring[0].public_id}/{path}").status_code == 200
    leader = make_user(username="lead", role="supervisor")
    plant_circle(leader, ring[0])
    assert as_admin.get(f"{URL}?q=hanging").status_code == 200
    assert set(User.objects.visible_to(leader).values_list("username", flat=True)) >= {"lead", "ring0", "hanging"}
    assert client_of(leader).get(URL).status_code == 200


@pytest.mark.parametrize("query", ["?open=1", "?open=%00", "?open=../", "?after=x", "?q=%00", "?open=nobody&after=y"])
def test_odd_questions(as_admin: Client, chief: User, query: str) -> None:
    assert as_admin.get(f"{URL}{query}").status_code in {200, 404}


@pytest.mark.parametrize("role", ["operator", "user", "viewer", "guest", None])
def test_others_are_not_allowed(db: None, role: str | None) -> None:
    assert client_of(make_user(role=role)).get(URL).status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(as_admin: Client, method: str) -> None:
    act: Callable[..., object] = getattr(as_admin, method)
    assert getattr(act(URL), "status_code") == 405  # noqa: B009 - the client's methods are found by name


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL compiles queries")
def test_the_walk_is_not_compiled_and_nothing_else_is_changed(as_admin: Client, chief: User) -> None:
    make_user(username="below-chief", supervisor=chief)
    with CaptureQueriesContext(connection) as queries:
        assert teams.sizes([chief])[chief.pk].whole > 0
    said = [query["sql"] for query in queries]
    assert said.index("SET LOCAL jit = off") + 1 == next(at for at, sql in enumerate(said) if "RECURSIVE" in sql)
