from __future__ import annotations

import pytest

from accounts.models import User
from rbac.actions.permission import declare_permission
from rbac.models import CustomPermission
from tests.rbac.conftest import AsPerson, MakePerson

NEW = "/roles/permissions/new/"
EDIT = "/roles/permissions/document:create/edit/"
SENT = {"name": "document:create", "label": "Create documents", "program": "archive"}


def test_declaring_and_editing_one(as_person: AsPerson, admin: User) -> None:
    client = as_person(admin)
    page = client.post(NEW, SENT, follow=True)
    assert "document:create declared" in page.text
    row = CustomPermission.objects.get()
    assert (row.name, row.label, row.program, row.created_by) == (
        "document.create",
        "Create documents",
        "archive",
        admin,
    )
    assert "Create documents" in client.get(EDIT).text
    page = client.post(EDIT, {"name": "rbac:add_role", "label": "Write documents", "program": ""}, follow=True)
    assert "document:create saved" in page.text
    row.refresh_from_db()
    assert (row.name, row.label, row.program) == ("document.create", "Write documents", "")


def test_it_can_be_put_into_a_role_like_any_other(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    client = as_person(admin)
    client.post(NEW, SENT)
    assert "Create documents" in client.get("/roles/new/").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "document.create"),
        ("name", "Document:create"),
        ("name", "docum\u0435nt:create"),
        ("name", "rbac:add_role"),
        ("name", "settings:create"),
        ("name", "build:start"),
        ("name", "a\x00:b"),
        ("name", "a" * 500),
        ("label", ""),
        ("label", "x" * 151),
        ("label", "a\u202eb"),
        ("label", "a\x00b"),
        ("program", "x" * 61),
        ("program", "a\nb"),
    ],
)
def test_what_does_not_fit_is_said_beside_the_field(as_person: AsPerson, admin: User, field: str, value: str) -> None:
    declare_permission(actor=None, name="build:start", label="Start builds")
    page = as_person(admin).post(NEW, SENT | {field: value})
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert len(page.context["form"].errors[field]) == 1
    assert CustomPermission.objects.count() == 1


def test_only_who_may_declare_them_does(as_person: AsPerson, person: MakePerson) -> None:
    declare_permission(actor=None, name="document:create", label="Create documents")
    client = as_person(person("manager"))
    for url in (NEW, EDIT, "/roles/permissions/document:create/delete/"):
        assert client.get(url).status_code == 403
        assert client.post(url, SENT).status_code == 403
    assert CustomPermission.objects.get().label == "Create documents"


@pytest.mark.parametrize(
    "name", ["document:delete", "document.create", "nothing", "%00", "d%C3%B6c:x", "Document:create"]
)
def test_one_that_is_not_there_is_not_found(as_person: AsPerson, admin: User, name: str) -> None:
    declare_permission(actor=None, name="document:create", label="Create documents")
    client = as_person(admin)
    assert client.get(f"/roles/permissions/{name}/edit/").status_code == 404
    assert client.post(f"/roles/permissions/{name}/delete/").status_code == 404
    assert client.put(NEW).status_code == 405
