from __future__ import annotations

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from rbac.actions import create_role
from rbac.actions.permission import declare_permission
from rbac.links import permission_page
from rbac.role_map import changing_roles
from settings_store.models import AuditEvent
from tests.rbac.conftest import AsPerson, MakePerson, Roles
from ui.registry import Permission, registry

URL = "/roles/permissions/"


def test_they_stand_by_program_with_who_declared_them_and_the_roles_that_hold_them(
    as_person: AsPerson, admin: User
) -> None:
    declare_permission(actor=admin, name="document:create", label="Create documents", program="archive")
    declare_permission(actor=None, name="build:start", label="Start builds")
    create_role(actor=None, name="Archivist", permissions=["document.create"])
    client = as_person(admin)
    page = client.get(URL)
    assert [(name, len(rows)) for name, rows in page.context["programs"]] == [("archive", 1), ("", 1)]
    text = page.text
    for words in ("document:create", "Create documents", "by Maren Holt", ">Archivist</a>", "No program named"):
        assert words in text
    assert text.count("no role yet") == 1
    assert "/roles/permissions/document:create/edit/" in text
    assert "/roles/why/who/?permission=document:create" in text
    assert client.get("/roles/why/who/?permission=document:create").status_code == 200
    assert URL in client.get("/roles/").text


def test_without_any_the_page_says_what_it_is_for(as_person: AsPerson, admin: User) -> None:
    text = as_person(admin).get(URL).text
    assert "No other program asks here yet" in text
    assert "curl -X PUT http://testserver/api/permissions/document:create" in text


def test_one_that_a_release_has_taken_is_marked(
    as_person: AsPerson, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_permission(actor=None, name="document:create", label="Create documents")
    monkeypatch.setitem(registry.permissions, "document.create", Permission("document.create", "Of the house"))
    with transaction.atomic(), changing_roles():
        pass
    assert "now declared by Gatehouse" in as_person(admin).get(URL).text


def test_who_may_see_roles_sees_them_without_the_acts(as_person: AsPerson, person: MakePerson) -> None:
    declare_permission(actor=None, name="document:create", label="Create documents")
    text = as_person(person("manager")).get(URL).text
    assert "document:create" in text
    assert "Delete…" not in text
    assert "Declare a permission" not in text


def test_nobody_else_sees_them(as_person: AsPerson, person: MakePerson) -> None:
    assert as_person(person("operator")).get(URL).status_code == 403
    assert as_person(person("admin")).post(URL).status_code == 405


def test_a_long_list_asks_no_more_than_a_short_one(
    as_person: AsPerson, admin: User, roles: Roles, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_person(admin)
    client.get(URL)

    def queries_pinned() -> None:
        # The session, the person with roles, the permissions, the roles that hold them; what waits in the rail.
        with django_assert_num_queries(5):
            client.get(URL)

    declare_permission(actor=admin, name="document:create", label="x")
    create_role(actor=None, name="Archivist", permissions=["document.create"])
    client.get("/roles/")
    queries_pinned()
    for number in range(40):
        declare_permission(actor=admin, name=f"document:act-{number}", label="x", program=f"p{number % 5}")
        create_role(actor=None, name=f"Role {number}", permissions=[f"document.act-{number}", "document.create"])
    client.get("/roles/")
    queries_pinned()


def test_the_trail_leads_to_the_line_of_one(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    row, _is_new = declare_permission(actor=admin, name="document:create", label="Create documents")
    client = as_person(admin)
    assert f"{URL}#document:create" in client.get(f"/audit/{AuditEvent.objects.latest('sequence').sequence}/").text
    request = client.get(URL).wsgi_request
    assert permission_page(request, str(row.pk)) == f"{URL}#document:create"
    assert [permission_page(request, odd) for odd in ("", "x", "-1", "²", "9" * 40, str(row.pk + 1))] == [""] * 6
    as_person(person("viewer"))
    assert permission_page(client.get("/audit/").wsgi_request, str(row.pk)) == ""
