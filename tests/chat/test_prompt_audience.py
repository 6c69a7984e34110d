"""Prompts for everybody, and prompts for those of some roles."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from chat.actions.prompt import create_prompt, delete_prompt, make_prompt_default, update_prompt
from chat.models import SystemPrompt
from rbac.models import Role
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user, role_named

pytestmark = pytest.mark.django_db
FIELDS = {"name": "Contracts", "content": "You read contracts."}


@pytest.fixture
def default() -> SystemPrompt:
    return create_prompt(actor=None, name="Default", content="d")


@pytest.fixture
def manager() -> Role:
    return role_named("manager")


@pytest.fixture
def narrow(default: SystemPrompt, manager: Role) -> SystemPrompt:
    return create_prompt(
        actor=None, name="Contracts", content="You read contracts.", for_everybody=False, roles=[manager]
    )


def test_is_made_for_some_roles_on_its_page(default: SystemPrompt, manager: Role) -> None:
    client = client_of(make_user(role="manager"))
    assert client.post("/prompts/new/", FIELDS | {"roles": [str(manager.public_id)]}).status_code == 302
    prompt = SystemPrompt.objects.get(name="Contracts")
    assert (prompt.for_everybody, list(prompt.roles.all())) == (False, [manager])
    event = AuditEvent.objects.filter(action="prompt.created").latest("sequence")
    assert event.after is not None
    assert event.after["for"] == ["Manager"]


def test_whom_it_is_for_moves_without_a_new_version_and_is_in_the_trail(narrow: SystemPrompt) -> None:
    client = client_of(make_user(role="manager"))
    url = f"/prompts/{narrow.public_id}/edit/"
    assert client.post(url, FIELDS | {"for_everybody": "on"}).status_code == 302
    narrow.refresh_from_db()
    assert (narrow.for_everybody, narrow.version, narrow.roles.count()) == (True, 1, 0)
    event = AuditEvent.objects.filter(action="prompt.updated").get()
    assert (event.before, event.after) == ({"for": ["Manager"]}, {"for": "everybody"})


def test_a_change_that_says_nothing_of_it_leaves_it_alone(narrow: SystemPrompt) -> None:
    update_prompt(actor=None, prompt=narrow, name="Contracts", description="", content="new")
    narrow.refresh_from_db()
    assert (narrow.for_everybody, narrow.roles.count()) == (False, 1)


@pytest.mark.parametrize("roles", [[], ["nonsense"], ["00000000-0000-4000-8000-000000000000"]])
def test_for_nobody_is_refused(default: SystemPrompt, roles: list[str]) -> None:
    response = client_of(make_user(role="manager")).post("/prompts/new/", FIELDS | {"roles": roles})
    assert response.status_code == 422
    assert "You read contracts." in response.content.decode()
    assert SystemPrompt.objects.count() == 1


@pytest.mark.parametrize("path", ["", "versions/", "versions/1/", "history/"])
def test_a_stranger_to_its_roles_gets_404(narrow: SystemPrompt, path: str) -> None:
    url = f"/prompts/{narrow.public_id}/{path}"
    reader, writer = client_of(make_user(role="user")), client_of(make_user(role="manager"))
    assert writer.get(url).status_code in (200, 403)
    assert reader.get(url).status_code == (403 if path == "history/" else 404)
    assert "Contracts" not in reader.get("/prompts/").content.decode()
    assert "Contracts" in writer.get("/prompts/").content.decode()


def test_who_holds_a_role_that_inherits_from_it_reads_it(narrow: SystemPrompt) -> None:
    narrow.roles.set([role_named("guest")])
    assert client_of(make_user(role="user")).get(f"/prompts/{narrow.public_id}/").status_code == 200


def test_it_cannot_become_the_default(narrow: SystemPrompt, default: SystemPrompt) -> None:
    with pytest.raises(ValidationError, match="for some roles only"):
        make_prompt_default(actor=None, prompt=narrow)
    client = client_of(make_user(role="manager"))
    page = client.post(f"/prompts/{narrow.public_id}/default/", follow=True).content.decode()
    assert "Open it to everybody first." in page
    assert SystemPrompt.objects.get(default_mark=True) == default


def test_the_default_cannot_be_for_some_only(default: SystemPrompt, manager: Role) -> None:
    with pytest.raises(ValidationError, match="which is for everybody"):
        update_prompt(
            actor=None, prompt=default, name="D", description="", content="d", for_everybody=False, roles=[manager]
        )
    client = client_of(make_user(role="manager"))
    url = f"/prompts/{default.public_id}/edit/"
    assert "which is for everybody" in client.get(url).content.decode()
    client.post(url, {"name": "D", "content": "d", "roles": [str(manager.public_id)]})
    default.refresh_from_db()
    assert (default.name, default.for_everybody) == ("D", True)


def test_the_first_prompt_cannot_be_for_some_only(manager: Role) -> None:
    with pytest.raises(ValidationError, match="which is for everybody"):
        create_prompt(actor=None, name="First", content="x", for_everybody=False, roles=[manager])
    assert not SystemPrompt.objects.exists()


def test_a_prompt_for_some_is_no_heir_of_the_default(narrow: SystemPrompt, default: SystemPrompt) -> None:
    client, url = client_of(make_user(role="manager")), f"/prompts/{default.public_id}/delete/"
    assert "no other is for everybody" in client.get(url).content.decode()
    assert client.post(url, {"new_default": str(narrow.public_id)}).status_code == 422
    with pytest.raises(ValidationError):
        delete_prompt(actor=None, prompt=default, new_default=narrow)
    assert SystemPrompt.objects.get(default_mark=True) == default
