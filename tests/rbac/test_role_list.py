from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from rbac.actions import assign_role, create_role
from rbac.models import Role
from rbac.roles.inheritance import tree
from tests.rbac.conftest import READER, AsPerson, MakePerson, Roles


def test_the_list_shows_roles_by_rank_with_their_people(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    for name in ("Cara", "Ana", "Dora", "Bea"):
        person("viewer", full_name=name)
    person("viewer", full_name="Aaron", is_active=False)
    page = as_person(admin).get("/roles/")
    shown = {line.role.name: line for line in page.context["lines"]}
    assert list(shown)[:2] == ["Admin", "Manager"]
    assert (shown["Viewer"].count, shown["Admin"].count, shown["Guest"].count) == (4, 1, 0)
    assert [str(each) for each in shown["Viewer"].people] == ["Cara", "Ana", "Dora"]
    assert f'/roles/{shown["Viewer"].role.public_id}/people/"' in page.text
    assert "New role" in page.text


def test_people_out_of_sight_are_not_shown(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    create_role(actor=None, name="Lister", priority=15, permissions=["roles.read"])
    lister = person("lister")
    person("viewer", full_name="Ana Ruiz")
    assign_role(actor=None, user=lister, role=roles["viewer"])
    page = as_person(lister).get("/roles/")
    line = next(line for line in page.context["lines"] if line.role.name == "Viewer")
    assert (line.count, line.people) == (1, [lister])
    assert "Ana Ruiz" not in page.text


def test_a_manager_reads_roles_and_changes_none(as_person: AsPerson, person: MakePerson, roles: Roles) -> None:
    client = as_person(person("manager"))
    assert "New role" not in client.get("/roles/").text
    page = client.get(f"/roles/{roles['viewer'].public_id}/").text
    assert "/edit/" not in page
    assert "/clone/" not in page
    url = f"/roles/{roles['viewer'].public_id}/"
    assert client.post("/roles/new/", READER).status_code == 403
    for act in ("edit", "clone", "affected", "delete"):
        assert client.post(f"{url}{act}/", READER).status_code == 403
    assert not Role.objects.filter(name_key="reader").exists()


def test_whoever_may_not_read_roles_sees_none(as_person: AsPerson, person: MakePerson) -> None:
    client = as_person(person("supervisor"))
    assert client.get("/roles/").status_code == 403
    assert client.post("/roles/").status_code == 403


def test_the_number_of_roles_and_people_costs_no_queries(
    as_person: AsPerson, admin: User, person: MakePerson, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_person(admin)
    client.get("/roles/")
    with django_assert_num_queries(7):
        client.get("/roles/")
    for number in range(12):
        create_role(actor=None, name=f"Role {number}")
        person(f"role {number}")
    client.get("/roles/")
    with django_assert_num_queries(7):
        client.get("/roles/")


def test_the_tree_draws_who_inherits_from_whom(as_person: AsPerson, admin: User, roles: Roles) -> None:
    page = as_person(admin).get("/roles/").text
    drawn = page[page.index('<ul class="branches') : page.index("</aside>")]
    marks = re.findall(r"<(/?ul|/?li)\b|>([A-Z][a-z]+)</a>", drawn)
    words = "".join({"ul": "(", "/ul": ")"}.get(tag, name) for tag, name in marks)
    assert words == "(Guest(User(Manager(Admin)SupervisorOperator)Viewer))"
    assert drawn.count("<li>") == drawn.count("</li>") == 7


@pytest.mark.parametrize("depth", [400])
def test_no_depth_and_no_circle_takes_the_list_down(as_person: AsPerson, admin: User, depth: int) -> None:
    above = None
    made = []
    for number in range(depth):
        group = Group.objects.create(name=f"deep {number}")
        above = Role.objects.create(group=group, name=group.name, name_key=group.name, parent=above)
        made.append(above)
    page = as_person(admin).get("/roles/")
    assert page.status_code == 200
    Role.objects.filter(pk=made[0].pk).update(parent=made[-1])
    drawn = tree(Role.objects.by_rank())
    assert len(drawn) == len({branch.role.pk for branch in drawn}) == depth + 7
    assert as_person(admin).get("/roles/").status_code == 200
