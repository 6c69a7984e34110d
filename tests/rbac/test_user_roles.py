from __future__ import annotations

import re
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role, change_assignment, revoke_role
from rbac.models import Assignment
from tests.accounts.oidc import make_provider
from tests.rbac.conftest import AsPerson, MakePerson, Roles, roles_url
from ui.moments import ago


def cells(page: str) -> list[list[str]]:
    """The first table's cells row by row, as they are read."""
    body = page.partition("<tbody")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [
        [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


def test_the_tab_shows_what_a_person_holds(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("operator")
    page = as_person(admin).get(roles_url(user)).text
    assert "Operator" in page
    assert roles_url(user, "assign/") in page
    assert "Gatehouse" in page.partition('data-l="Assigned by"')[2].partition("</td>")[0]
    assert roles_url(user) in as_person(admin).get(f"/users/{user.public_id}/").text


def test_a_supervisor_sees_the_roles_of_the_own_team_only(as_person: AsPerson, person: MakePerson) -> None:
    supervisor = person("supervisor")
    below, stranger = person("user", supervisor=supervisor), person("user")
    client = as_person(supervisor)
    assert client.get(roles_url(below)).status_code == 200
    assert client.get(roles_url(stranger)).status_code == 404
    assert client.post(roles_url(below, "assign/")).status_code == 403


def test_the_list_of_people_names_their_roles(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    person("operator", "viewer")
    assert "Operator" in as_person(admin).get("/users/").text


def test_each_says_since_when_until_when_why_and_by_whom(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user, now = person(), timezone.now()
    provider = make_provider("https://sso.example.org", allow_private=False)
    assign_role(actor=admin, user=user, role=roles["viewer"], reason="Review", ends_at=now + timedelta(days=40))
    assign_role(actor=None, user=user, role=roles["operator"], provider=provider)
    assign_role(actor=admin, user=user, role=roles["user"], starts_at=now + timedelta(days=2))
    paused = assign_role(actor=admin, user=user, role=roles["guest"])
    change_assignment(actor=admin, assignment=paused, is_active=False)
    rows = cells(as_person(admin).get(roles_url(user)).text)
    assert [row[:2] for row in rows] == [
        ["Operator", "active"],
        ["User", "starts later"],
        ["Viewer", "active"],
        ["Guest", "paused"],
    ]
    assert rows[0][4] == "claims of Lindblad"
    assert rows[1][2:4] == [ago(now + timedelta(days=2)), "no end"]
    assert rows[2][3:6] == [ago(now + timedelta(days=40)), "Maren Holt", "Review"]
    assert rows[2][6] == "Edit Pause End…"
    assert rows[3][6] == "Edit Resume End…"


def test_what_ended_and_what_ran_out_is_told_below(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user, now = person(), timezone.now()
    assign_role(actor=admin, user=user, role=roles["viewer"], reason="Review", ends_at=now + timedelta(hours=1))
    assign_role(actor=None, user=user, role=roles["guest"])
    assign_role(actor=admin, user=user, role=roles["user"])
    revoke_role(actor=admin, user=user, role=roles["user"], reason="Left the team")
    revoke_role(actor=None, user=user, role=roles["guest"])
    Assignment.objects.filter(user=user, role=roles["viewer"]).update(ends_at=now - timedelta(hours=3))
    page = as_person(admin).get(roles_url(user))
    assert "No role" in page.text
    earlier = cells(page.text.partition("earlier-heading")[2])
    assert [[row[0], *row[3:]] for row in earlier] == [
        ["Guest", "Gatehouse", "ended by Gatehouse", ""],
        ["User", "Maren Holt", "ended by Maren Holt", "Left the team"],
        ["Viewer", "Maren Holt", "ran out", "Review"],
    ]
    assert earlier[2][2] == ago(now - timedelta(hours=3))


def test_a_long_history_has_pages_and_costs_the_same(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user, client, counts = person("user"), as_person(admin), []
    for times in (2, 43):
        for _ in range(times):
            assign_role(actor=admin, user=user, role=roles["viewer"])
            revoke_role(actor=admin, user=user, role=roles["viewer"])
        client.get(roles_url(user))
        with CaptureQueriesContext(connection) as asked:
            page = client.get(roles_url(user))
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 17
    shown, url = [], roles_url(user)
    while url:
        page = client.get(url)
        shown += [row.pk for row in page.context["page"].rows]
        older = page.context["page"].older_url
        url = roles_url(user) + older if older else ""
    assert len(shown) == len(set(shown)) == 45


def test_who_may_not_write_sees_no_acts(as_person: AsPerson, person: MakePerson) -> None:
    supervisor = person("supervisor")
    below = person("user", supervisor=supervisor)
    page = as_person(supervisor).get(roles_url(below)).text
    assert "Edit User" not in page
    assert "/pause/" not in page


def test_the_trail_of_a_person_tells_of_roles_in_words(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user = person()
    row = assign_role(actor=admin, user=user, role=roles["viewer"], reason="Review")
    change_assignment(actor=admin, assignment=row, is_active=False)
    revoke_role(actor=admin, user=user, role=roles["viewer"], reason="Moved on")
    page = as_person(admin).get(f"/users/{user.public_id}/history/").text
    for words in (
        "Role assigned: Viewer (“Review”)",
        "Role Viewer changed: paused",
        "Role ended: Viewer (“Moved on”)",
        "<code>assignment.changed</code>",
    ):
        assert words in page
