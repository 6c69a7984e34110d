"""`docs/access.md` says who may do what, and every change of that is seen in it."""

from __future__ import annotations

from pathlib import Path

from rbac.system_roles import SYSTEM_ROLES
from tests.access.table import COMMAND, OWN_METHODS, Cell, granted_to, lines, text
from tests.routes import routes
from ui.guard import Kind
from ui.registry import registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"


def test_the_page_is_true() -> None:
    assert PAGE.read_text() == text(), f"Who may do what has changed: run `{COMMAND}` and look at what it changes."


def test_every_route_stands_on_it_once() -> None:
    every = lines()
    assert sorted(line.route.route for line in every) == sorted(r.route for r in routes() if not r.is_foreign)
    assert [line.route.route for line in every if not line.area] == []
    assert len({(line.address, line.name) for line in every}) == len(every)


def test_every_route_says_its_methods() -> None:
    assert [line.route.route for line in lines() if not line.methods] == []
    assert {line.name for line in lines()} >= OWN_METHODS.keys()


def test_every_permission_asked_for_is_declared() -> None:
    asked = {name for line in lines() for name in (line.access.permission, line.access.also) if name}
    assert asked <= registry.permissions.keys()


def test_an_admin_reaches_everything_and_a_guest_no_permission() -> None:
    admin, guest = granted_to("admin"), granted_to("guest")
    assert [line.address for line in lines() if line.cell(admin) is Cell.NO] == []
    reached = {line.access.kind for line in lines() if line.cell(guest) is not Cell.NO}
    assert Kind.PERMISSION not in reached


def test_roles_reach_what_those_they_inherit_from_reach() -> None:
    for role in SYSTEM_ROLES:
        if role.parent is not None:
            assert granted_to(role.parent) <= granted_to(role.key)
