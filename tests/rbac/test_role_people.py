from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import BulkAct, User
from rbac.actions import assign_role, change_assignment, create_role, revoke_role
from rbac.models import Assignment, Role
from tests.rbac.conftest import AsPerson, MakePerson, Roles


def people_url(role: Role, rest: str = "") -> str:
    return f"/roles/{role.public_id}/people/{rest}"


def names(page: str) -> list[str]:
    """The names in the table, row by row."""
    heads = re.findall(r'<th scope="row".*?</th>', page, re.DOTALL)
    return [
        re.sub(r"<span class=\"avatar.*?</span>|<[^>]+>", "", head).split("deactivated")[0].strip() for head in heads
    ]


def cast(person: MakePerson, roles: Roles) -> dict[str, User]:
    """People who hold the role of viewers in every state there is."""
    now, admin = timezone.now(), person("admin", full_name="Maren Holt")
    people = {
        name: person(full_name=f"{name} {number}")
        for number, name in enumerate(["Ana", "Ben", "Cleo", "Dan", "Eve", "Finn"])
    }
    viewer = roles["viewer"]
    assign_role(actor=admin, user=people["Ana"], role=viewer, reason="Review")
    assign_role(actor=admin, user=people["Ben"], role=viewer, starts_at=now + timedelta(days=2))
    paused = assign_role(actor=admin, user=people["Cleo"], role=viewer)
    change_assignment(actor=admin, assignment=paused, is_active=False)
    assign_role(actor=admin, user=people["Dan"], role=viewer, reason="For a week", ends_at=now + timedelta(days=7))
    Assignment.objects.filter(user=people["Dan"]).update(ends_at=now - timedelta(days=1))
    assign_role(actor=admin, user=people["Eve"], role=viewer)
    revoke_role(actor=admin, user=people["Eve"], role=viewer, reason="Moved on")
    return people | {"admin": admin}


def test_people_of_a_role_are_those_the_reader_may_see(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    person("operator", full_name="Ana Ruiz")
    create_role(actor=None, name="Lister", priority=15, permissions=["roles.read"])
    assert names(as_person(admin).get(people_url(roles["operator"])).text) == ["Ana Ruiz"]
    page = as_person(person("lister")).get(people_url(roles["operator"])).text
    assert "Ana Ruiz" not in page
    assert "Add people" not in page
    assert "Ana Ruiz" not in as_person(person("lister")).get(people_url(roles["operator"], "?q=ana")).text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Ana 0", "Ben 1", "Cleo 2"]),
        ("?state=active", ["Ana 0"]),
        ("?state=later", ["Ben 1"]),
        ("?state=paused", ["Cleo 2"]),
        ("?state=earlier", ["Eve 4", "Dan 3"]),
        ("?q=cleo", ["Cleo 2"]),
        ("?q=eve&state=earlier", ["Eve 4"]),
        ("?sort=-name", ["Cleo 2", "Ben 1", "Ana 0"]),
        ("?state=nonsense&q=%00", []),
        ("?state=nonsense", ["Ana 0", "Ben 1", "Cleo 2"]),
    ],
)
def test_it_is_narrowed_down(
    as_person: AsPerson, person: MakePerson, roles: Roles, query: str, expected: list[str]
) -> None:
    admin = cast(person, roles)["admin"]
    assert names(as_person(admin).get(people_url(roles["viewer"], query)).text) == expected


def test_what_is_over_says_how(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    admin = cast(person, roles)["admin"]
    page = as_person(admin).get(people_url(roles["viewer"], "?state=earlier")).text
    eve, dan = re.findall(r"<tr role=\"row\">.*?</tr>", page.partition("<tbody")[2], re.DOTALL)
    assert "ended by Maren Holt" in eve
    assert "Moved on" in eve
    assert "ran out" in dan
    assert "For a week" in dan


def test_typing_asks_for_the_list_alone(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    admin = cast(person, roles)["admin"]
    url = people_url(roles["viewer"], "?q=ana&state=")
    answer = as_person(admin).get(url, headers={"HX-Request": "true", "HX-Target": "people"})
    assert answer.text.lstrip().startswith('<div id="people">')
    assert names(answer.text) == ["Ana 0"]
    assert answer["HX-Push-Url"] == people_url(roles["viewer"], "?q=ana")


def test_it_costs_the_same_for_many_and_goes_on_page_by_page(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    client, counts = as_person(admin), []
    for many in (3, 120):
        people = [person() for _ in range(many)]
        Assignment.objects.bulk_create(
            Assignment(user=each, role=roles["viewer"], assigned_by=admin) for each in people
        )
        client.get(people_url(roles["viewer"]))
        with CaptureQueriesContext(connection) as asked:
            page = client.get(people_url(roles["viewer"]))
        counts.append(len(asked))
    # What fits on one page is not counted.
    assert counts[1] == counts[0] + 1 <= 16
    assert "All 123 that match" in page.text
    found, url = [], people_url(roles["viewer"])
    while url:
        page = client.get(url)
        found += names(page.text)
        older = page.context["page"].older_url
        url = people_url(roles["viewer"], older) if older else ""
    assert len(found) == len(set(found)) == 123


def test_the_acts_of_a_role_upon_those_ticked(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    people = cast(person, roles)
    client, url = as_person(people["admin"], stepped_up=True), people_url(roles["viewer"])
    assert [act.name for act in client.get(url).context["acts"]] == [
        "date-role",
        "pause-role",
        "resume-role",
        "end-role",
    ]
    chosen = [str(people[name].public_id) for name in ("Ana", "Cleo")]
    asked = client.post(f"{url}acts/", {"act": "end-role", "id": chosen, "q": "", "state": ""})
    page = client.get(asked["Location"])
    assert "2 people" in page.text
    assert page.context["form"]["role"].value() == str(roles["viewer"].pk)
    assert f'href="{url}"' in page.text
    client.post(asked["Location"], {"role": roles["viewer"].pk, "reason": "Spring cleaning"})
    done = client.get(asked["Location"])
    assert "2 people done" in done.text
    ended = Assignment.objects.filter(role=roles["viewer"], end_reason="Spring cleaning")
    assert set(ended.values_list("user__full_name", flat=True)) == {"Ana 0", "Cleo 2"}


def test_all_that_match_are_given_an_end(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    people = cast(person, roles)
    client, url = as_person(people["admin"], stepped_up=True), people_url(roles["viewer"])
    asked = client.post(f"{url}acts/", {"act": "date-role", "all": "1", "state": "paused"})
    row = BulkAct.objects.get()
    assert (row.people, row.query) == ([people["Cleo"].pk], f"{url}?state=paused")
    wrong = client.post(asked["Location"], {"role": roles["viewer"].pk, "ends_at": "2001-01-01T00:00"})
    assert wrong.status_code == 422
    assert "The end must lie in the future." in wrong.text
    client.post(asked["Location"], {"role": roles["viewer"].pk, "ends_at": "2998-01-01T00:00"})
    held = Assignment.objects.get(user=people["Cleo"])
    assert (held.ends_at and held.ends_at.year, held.is_active) == (2998, False)
    assert Assignment.objects.get(user=people["Ana"]).ends_at is None


@pytest.mark.parametrize(("act", "is_active"), [("pause-role", False), ("resume-role", True)])
def test_many_are_paused_and_resumed(
    as_person: AsPerson, person: MakePerson, roles: Roles, act: str, is_active: bool
) -> None:
    people = cast(person, roles)
    client = as_person(people["admin"], stepped_up=True)
    asked = client.post(people_url(roles["viewer"], "acts/"), {"act": act, "all": "1"})
    client.post(asked["Location"], {"role": roles["viewer"].pk})
    held = Assignment.objects.lasting().filter(role=roles["viewer"])
    assert set(held.values_list("is_active", flat=True)) == {is_active}
    assert held.count() == 3


def test_whom_one_may_not_touch_is_named_and_the_others_are_done(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user = person("viewer")
    assign_role(actor=None, user=admin, role=roles["viewer"])
    client = as_person(person("manager"), stepped_up=True)
    asked = client.post(people_url(roles["viewer"], "acts/"), {"act": "pause-role", "all": "1"})
    client.post(asked["Location"], {"role": roles["viewer"].pk})
    done = client.get(asked["Location"]).text
    assert "1 person done" in done
    assert "Maren Holt" in done
    assert not Assignment.objects.get(user=user).is_active
    assert Assignment.objects.get(user=admin, role=roles["viewer"]).is_active


def test_nothing_that_makes_no_sense_becomes_an_act(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    stranger, client, url = person("user"), as_person(admin), people_url(roles["viewer"], "acts/")
    for sent in (
        {"act": "pause-role"},
        {"act": "pause-role", "id": ["x", str(stranger.public_id)]},
        {"act": "deactivate", "all": "1"},
        {"all": "1"},
    ):
        assert "Choose" in client.post(url, sent, follow=True).text
    assert client.get(url).status_code == 405
    reader = create_role(actor=None, name="Reader", priority=15, permissions=["roles.read", "users.read", "users.all"])
    assert as_person(person(reader.name_key)).post(url, {"act": "pause-role", "all": "1"}).status_code == 403
    assert not BulkAct.objects.exists()


def test_the_page_of_an_act_upon_holders_belongs_to_the_role(
    as_person: AsPerson, person: MakePerson, roles: Roles
) -> None:
    people = cast(person, roles)
    client, url = as_person(people["admin"], stepped_up=True), people_url(roles["viewer"])
    asked = client.post(f"{url}acts/", {"act": "end-role", "all": "1"})["Location"]
    for page in (client.get(asked).text, client.post(asked, {"role": roles["viewer"].pk}, follow=True).text):
        assert f'<li><a href="{url}">Viewer</a></li>' in page
        assert 'href="/roles/" aria-current="page"' in page
    row = BulkAct.objects.get()
    BulkAct.objects.filter(pk=row.pk).update(state=BulkAct.State.ASKED)
    assert "End a role: Viewer (3 people)</button>" in client.get(asked).text


def test_a_row_is_paused_and_ended_where_it_stands(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    admin = person("admin", full_name="Maren Holt")
    manager, user = person("manager"), person("viewer", full_name="Ana Ruiz")
    assign_role(actor=admin, user=admin, role=roles["viewer"])
    url, client = people_url(roles["viewer"]), as_person(manager)
    page = client.get(url).text
    pause = f"/users/{user.public_id}/roles/{roles['viewer'].public_id}/pause/?from=role"
    assert f'formaction="{pause}"' in page
    assert "End the role of Ana Ruiz" in page
    # Nothing is offered that would be refused.
    assert "End the role of Maren Holt" not in page
    assert client.post(pause)["Location"] == url
    assert "Resume the role of Ana Ruiz" in client.get(url).text


def test_the_tab_counts_what_it_lists(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    admin = cast(person, roles)["admin"]
    page = as_person(admin).get(people_url(roles["viewer"]))
    assert len(page.context["rows"]) == page.context["people"] == 3


# MariaDB finds words in what is committed alone.
@pytest.mark.django_db(transaction=True)
def test_the_history_of_a_role_tells_who_got_it(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    admin = cast(person, roles)["admin"]
    page = as_person(admin).get(f"/roles/{roles['viewer'].public_id}/history/")
    told = [(row.event.action, row.target) for row in page.context["events"]]
    assert told[:2] == [("role.revoked", "Eve 4"), ("role.assigned", "Eve 4")]
    assert ("assignment.changed", "Cleo 2") in told
    assert told[-1] == ("role.created", "Viewer")
    assert not any("Maren" in target for _action, target in told)
