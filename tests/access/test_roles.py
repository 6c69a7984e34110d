"""Each role asks every address there is for real rows, and is answered as the table says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.http import HttpResponse

from accounts.models import User
from rbac.system_roles import SYSTEM_ROLES
from tests.access.asking import Browser, leads_to
from tests.access.rows import Rows, rows_of
from tests.access.table import Cell, Line, granted_to
from tests.factories import make_user

pytestmark = pytest.mark.once
METHODS = ("GET", "POST")
# Where nobody is sent who may.
DOORS = ("login", "step_up", "factor_due", "password_change")
# What is refused, or not there, for another reason than the role, and which.
ELSE = {
    # Shown once, to whoever has just made them.
    "accounts:recovery_codes_file": 404,
    # By its author or an admin alone.
    "settings_store:proposal_withdraw": 403,
    # There is nothing, for anybody.
    "settings_store:ofrep_nowhere": 404,
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Somebody of a role, and whose rows they ask for: their own, those of somebody of their team, of two strangers."""

    person: User
    own: Rows
    team: Rows
    stranger: Rows
    # Of the same role: they may do as much as the person, and no more with what is not theirs.
    peer: Rows


def cast(role: str | None, house: Rows) -> Cast:
    person = make_user(role=role, password=None, username="the-one")
    return Cast(
        person,
        house | rows_of(person),
        house | rows_of(make_user(username="member", supervisor=person)),
        house | rows_of(make_user(username="stranger")),
        house | rows_of(make_user(role=role, password=None, username="peer")),
    )


def asked(line: Line, cell: Cell, someone: Cast) -> Iterator[tuple[str, bool]]:
    """The addresses of a line with rows, and whether these are theirs to reach."""
    theirs = {
        Cell.OWN: ([someone.own], [someone.team, someone.stranger, someone.peer]),
        Cell.TEAM: ([someone.own, someone.team], [someone.stranger, someone.peer]),
    }
    reached, others = theirs.get(cell, ([someone.stranger], []))
    if not line.route.parameters:
        reached, others = reached[:1], []
    for number, rows in enumerate([*reached, *others]):
        yield rows.path(line.route), number < len(reached)


def is_right(line: Line, cell: Cell, method: str, answer: HttpResponse, *, reached: bool) -> bool:
    status = answer.status_code
    if cell is Cell.NO:
        return status == 403
    if method not in line.methods:
        return status == 405
    if not reached:
        return status == 404
    if status in {401, 403, 404, 405}:
        return status == ELSE.get(line.name)
    # Doors are pages that send on, and signing out everywhere ends at one.
    sent = line.area != "Doors" and line.name != "accounts:session_revoke_all"
    return status < 500 and not (sent and any(leads_to(answer, door) for door in DOORS))


@pytest.mark.usefixtures("plain_refusals")
@pytest.mark.parametrize("role", [*(role.key for role in SYSTEM_ROLES), None])
def test_each_role_is_answered_as_the_table_says(role: str | None, house: Rows, every_line: list[Line]) -> None:
    someone = cast(role, house)
    browser = Browser(someone.person, fresh=True)
    granted = granted_to(role) if role else frozenset()
    wrong = []
    for line in every_line:
        cell = line.cell(granted)
        for path, reached in asked(line, cell, someone):
            for method in METHODS:
                answer = browser.ask(method, path)
                if not is_right(line, cell, method, answer, reached=reached):
                    said = f"{answer.status_code} {answer.headers.get('Location', '')}"
                    wrong.append(
                        f"{method} {line.route.route} ({cell}, {'theirs' if reached else 'not theirs'}): {said}"
                    )
    assert not wrong, "\n".join(wrong)
