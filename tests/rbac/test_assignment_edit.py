from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role, change_assignment, revoke_role
from rbac.models import Assignment, Role
from settings_store.models import AuditEvent
from tests.rbac.conftest import AsPerson, MakePerson, Roles, roles_url

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def edit_url(user: User, role: Role) -> str:
    return roles_url(user, f"{role.public_id}/edit/")


def sent(page: object, **changes: str) -> dict[str, str]:
    """What a browser sends of the form as it was shown, but for these changes."""
    form = page.context["form"]  # type: ignore[attr-defined]  # a response of the test client
    shown = {bound.html_name: bound.field.widget.format_value(bound.value()) or "" for bound in form}
    shown["is_active"] = "on" if form["is_active"].value() else ""
    return {name: value for name, value in (shown | changes).items() if value}


def test_reason_and_dates_are_those_of_the_editor_s_zone(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    editor, user = person("admin", time_zone="America/New_York"), person("viewer")
    client, url = as_person(editor), edit_url(user, roles["viewer"])
    with time_machine.travel(NOON, tick=False):
        page = client.get(url)
        assert "America/New_York" in page.text
        fields = sent(page, reason="Stands in", starts_at="2026-03-02T09:00", ends_at="2026-03-20T18:00")
        done = client.post(url, fields, follow=True)
    assert done.redirect_chain[-1][0] == roles_url(user)
    assert "Viewer of" in done.text
    row = Assignment.objects.get(user=user)
    assert (row.starts_at, row.ends_at) == (
        datetime(2026, 3, 2, 14, tzinfo=UTC),
        # Their clocks have changed in between.
        datetime(2026, 3, 20, 22, tzinfo=UTC),
    )
    with time_machine.travel(NOON, tick=False):
        assert 'value="2026-03-20T18:00"' in client.get(url).text


def test_what_is_left_as_it_is_keeps_its_seconds(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user, until = person(), (timezone.now() + timedelta(days=9)).replace(second=31, microsecond=77)
    assign_role(actor=None, user=user, role=roles["viewer"], ends_at=until)
    client, url, before = as_person(admin), edit_url(user, roles["viewer"]), AuditEvent.objects.count()
    assert client.post(url, sent(client.get(url)))["Location"] == roles_url(user)
    assert AuditEvent.objects.count() == before
    client.post(url, sent(client.get(url), reason="Review"))
    row = Assignment.objects.get(user=user)
    assert (row.reason, row.ends_at) == ("Review", until)


def test_unticked_it_is_paused_and_one_returns_to_where_one_came_from(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user, client = person("viewer"), as_person(admin)
    url = edit_url(user, roles["viewer"]) + "?from=role"
    fields = sent(client.get(url))
    fields.pop("is_active")
    assert client.post(url, fields)["Location"] == f"/roles/{roles['viewer'].public_id}/people/"
    assert not Assignment.objects.get(user=user).is_active


def test_who_comes_second_sees_both(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    user, client = person("viewer"), as_person(admin)
    url = edit_url(user, roles["viewer"])
    fields = sent(client.get(url), reason="Mine", ends_at="2999-01-01T00:00")
    change_assignment(actor=None, assignment=Assignment.objects.get(user=user), reason="Theirs")
    late = client.post(url, fields)
    assert late.status_code == 409
    assert "Somebody changed this meanwhile" in late.text
    assert "Theirs" in late.text
    assert 'value="Mine"' in late.text
    assert 'value="2999-01-01T00:00"' in late.text
    assert Assignment.objects.get(user=user).reason == "Theirs"
    # Saved once more, mine stands over theirs.
    assert client.post(url, sent(late)).status_code == 302
    assert Assignment.objects.get(user=user).reason == "Mine"


def test_what_was_typed_for_one_that_ended_gives_it_anew(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user, client = person("viewer"), as_person(admin)
    url = edit_url(user, roles["viewer"])
    fields = sent(client.get(url), reason="“Mine” & yours", ends_at="2999-01-01T00:00")
    revoke_role(actor=None, user=user, role=roles["viewer"], reason="Theirs")
    late = client.post(url, fields)
    assert late.status_code == 409
    assert "does not hold Viewer any more" in late.text
    assert "Theirs" in late.text
    assert "“Mine” & yours" in unescape(late.text)
    anew = {"role": str(roles["viewer"].pk), "reason": fields["reason"], "ends_at": fields["ends_at"]}
    assert client.post(roles_url(user, "assign/"), anew)["Location"] == roles_url(user)
    assert Assignment.objects.lasting().get(user=user).reason == "“Mine” & yours"
    revoke_role(actor=None, user=user, role=roles["viewer"])
    assert "no longer held Viewer" in client.get(url, follow=True).text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ends_at": "2001-01-01T00:00"}, "The end must lie in the future."),
        ({"starts_at": "2998-01-02T00:00", "ends_at": "2998-01-01T00:00"}, "The end must lie after the beginning."),
        ({"starts_at": "soon"}, "Write a date and a time"),
        ({"starts_at": "2026-02-30T00:00"}, "Write a date and a time"),
        ({"starts_at": "0001-01-01T00:00"}, "Choose a year between 2000 and 2999."),
        ({"ends_at": "9999-12-31T23:59"}, "Choose a year between 2000 and 2999."),
        ({"reason": "a\tb"}, "Use letters, digits, signs and spaces only."),
        ({"reason": "x" * 301}, "At most 300 characters; these are 301."),
    ],
)
def test_what_does_not_fit_is_said_and_kept(
    as_person: AsPerson, person: MakePerson, roles: Roles, changes: dict[str, str], sentence: str
) -> None:
    user = person("viewer")
    client, url = as_person(person("admin", time_zone="Pacific/Kiritimati")), edit_url(user, roles["viewer"])
    page = client.post(url, sent(client.get(url), **{"reason": "Review"} | changes))
    assert page.status_code == 422
    assert sentence in page.text
    for value in changes.values():
        assert value in page.text
    assert Assignment.objects.get(user=user).reason == ""


def test_the_last_admin_is_told_so(as_person: AsPerson, admin: User, roles: Roles) -> None:
    client, url = as_person(admin, stepped_up=True), edit_url(admin, roles["admin"])
    fields = sent(client.get(url))
    fields.pop("is_active")
    for more in ({}, {"is_active": "on", "ends_at": "2999-01-01T00:00"}):
        page = client.post(url, fields | more)
        assert page.status_code == 422
        assert "Maren Holt is the last admin" in page.text


def test_a_power_asks_for_the_password_before_anything_is_typed(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    url = edit_url(person("admin"), roles["admin"])
    assert as_person(admin).get(url)["Location"].startswith("/step-up/")
    assert as_person(admin, stepped_up=True).get(url).status_code == 200


def test_who_may_not_is_refused(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    supervisor = person("supervisor")
    below, stranger, manager = person("user", supervisor=supervisor), person("user"), person("manager")
    client = as_person(supervisor)
    assert client.get(edit_url(below, roles["user"])).status_code == 403
    client = as_person(manager)
    assert client.get(edit_url(manager, roles["manager"])).status_code == 403
    assert client.post(edit_url(admin, roles["admin"])).status_code == 403
    assert client.get(edit_url(stranger, roles["viewer"])).status_code == 404
    assert client.get(edit_url(stranger, Role(name="Nowhere"))).status_code == 404
    assert client.put(edit_url(stranger, roles["user"])).status_code == 405
    for rest in ("pause/", "resume/"):
        url = roles_url(below, f"{roles['user'].public_id}/{rest}")
        assert as_person(supervisor).post(url).status_code == 403


def test_pausing_and_resuming(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    user, client = person("viewer"), as_person(admin)
    url = roles_url(user, f"{roles['viewer'].public_id}/")
    assert client.get(f"{url}pause/").status_code == 405
    assert "is paused" in client.post(f"{url}pause/", follow=True).text
    assert not Assignment.objects.get(user=user).is_active
    assert client.post(f"{url}pause/").status_code == 302
    assert "counts again" in client.post(f"{url}resume/", follow=True).text
    assert Assignment.objects.get(user=user).is_active
    assert AuditEvent.objects.filter(action="assignment.changed").count() == 2
    revoke_role(actor=None, user=user, role=roles["viewer"])
    assert "no longer held Viewer" in client.post(f"{url}resume/", follow=True).text


def test_the_last_admin_is_not_paused(as_person: AsPerson, admin: User, roles: Roles) -> None:
    url = roles_url(admin, f"{roles['admin'].public_id}/pause/")
    assert as_person(admin).post(url)["Location"].startswith("/step-up/")
    assert "Maren Holt is the last admin" in as_person(admin, stepped_up=True).post(url, follow=True).text
    assert Assignment.objects.get(user=admin).is_active
