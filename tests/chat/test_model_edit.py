"""The page of a model: what people see of it, whom it is for, and what it costs."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from chat.actions.model import ModelFacts, update_model
from chat.actions.provider import create_provider, delete_provider, record_check
from chat.models import Model
from rbac.models import Role
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user, role_named

# No row has it; written out, so that every worker calls the test by the same name.
NOBODY = "7b1d1f0e-0000-4000-8000-000000000000"

pytestmark = pytest.mark.django_db
FIELDS: dict[str, Any] = {"label": "", "is_enabled": "on", "for_everybody": "on"}


@pytest.fixture
def client() -> Client:
    return client_of(make_user(role="operator"))


@pytest.fixture
def model() -> Model:
    provider = create_provider(actor=None, name="Server", base_url="https://models.example.com/v1")
    record_check(actor=None, provider=provider, found=["qwen3:4b", "other"])
    return Model.objects.select_related("provider").get(name="qwen3:4b")


def url(model: Model) -> str:
    return f"/models/{model.provider.public_id}/models/{model.public_id}/edit/"


def test_everything_about_a_model_is_kept_and_in_the_trail(client: Client, model: Model) -> None:
    role = role_named("supervisor")
    fields = {
        "label": "Quick one",
        "is_enabled": "on",
        "roles": str(role.public_id),
        "context_tokens": "8192",
        "price_in": "0.15",
        "price_out": "0.6",
        "temperature": "0.2",
        "max_tokens": "512",
    }
    assert client.post(url(model), fields).status_code == 302
    model.refresh_from_db()
    assert (str(model), model.context_tokens, model.for_everybody) == ("Quick one", 8192, False)
    assert list(model.roles.all()) == [role]
    assert model.cost(1_000_000, 500_000) == Decimal("0.45")
    assert model.parameters == {"temperature": 0.2, "max_tokens": 512}
    event = AuditEvent.objects.get(action="model.updated")
    assert event.before == {
        "label": "",
        "for_everybody": True,
        "roles": [],
        "parameters": {},
        "context_tokens": None,
        "price_in": None,
        "price_out": None,
    }
    assert event.after is not None
    assert (event.after["roles"], event.after["price_out"]) == (["Supervisor"], "0.6")
    page = client.get("/models/").content.decode()
    for shown in ("Quick one", "qwen3:4b", "Supervisor", "8,192", "0.15", "Temperature 0.2"):
        assert shown in page


def test_its_form_shows_what_is_kept(client: Client, model: Model) -> None:
    sent = FIELDS | {"label": "Quick", "price_in": "1.5", "price_out": "0", "top_p": "0.9"}
    client.post(url(model), sent)
    page = client.get(url(model)).content.decode()
    for shown in ('value="Quick"', 'value="1.5"', 'value="0"', 'value="0.9"'):
        assert shown in page


def test_saving_without_a_change_leaves_no_event(client: Client, model: Model) -> None:
    assert client.post(url(model), FIELDS).status_code == 302
    assert not AuditEvent.objects.filter(action="model.updated").exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("price_in", "-1", "A price is 0 or more."),
        ("price_out", "-0.0001", "A price is 0 or more."),
        ("price_in", "3", "Give both prices"),
        ("price_in", "NaN", "Enter a number."),
        ("price_in", "1e400", "digits"),
        ("context_tokens", "0", "A model reads at least 256 tokens."),
        ("context_tokens", "-5", "A model reads at least 256 tokens."),
        ("context_tokens", "99999999999999999999", "less than or equal to"),
        ("context_tokens", "many", "Enter a whole number."),
        ("label", "x" * 81, "At most 80 characters"),
        ("label", "OTHER", "Another model has this name."),
        ("roles", NOBODY, "no longer there"),
        ("roles", "nonsense", "no longer there"),
        ("temperature", "3", "less than or equal to 2"),
        ("max_tokens", "1", "greater than or equal to 16"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_nothing_is_lost(
    client: Client, model: Model, field: str, value: str, sentence: str
) -> None:
    fields = FIELDS | {"label": "Typed before"} | {field: value}
    response = client.post(url(model), fields)
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert fields["label"] in page
    model.refresh_from_db()
    assert (model.label, model.price_in, model.context_tokens) == ("", None, None)


def test_a_model_for_nobody_is_a_sentence(client: Client, model: Model) -> None:
    response = client.post(url(model), {"label": "", "is_enabled": "on"})
    assert response.status_code == 422
    assert "Choose a role, or make it for everybody." in response.content.decode()


def test_two_servers_may_have_the_same_model_but_not_under_one_name_for_people(client: Client, model: Model) -> None:
    other = create_provider(actor=None, name="Other", base_url="https://models.example.com/v1")
    record_check(actor=None, provider=other, found=["qwen3:4b"])
    twin = Model.objects.select_related("provider").get(provider=other)
    assert client.post(url(model), FIELDS | {"label": "Quick"}).status_code == 302
    assert client.post(url(twin), FIELDS | {"label": "quick"}).status_code == 422
    # Its own name is no news, and the twin without one keeps the name of its server.
    assert client.post(url(model), FIELDS | {"label": "Quick", "context_tokens": "4096"}).status_code == 302


def test_a_role_that_is_deleted_between_form_and_act_is_a_sentence(model: Model) -> None:
    facts = ModelFacts(
        label="",
        is_enabled=True,
        for_everybody=False,
        role_ids=frozenset({10**6}),
        parameters={},
        context_tokens=None,
        price_in=None,
        price_out=None,
    )
    with pytest.raises(ValidationError, match="no longer there"):
        update_model(actor=None, model=model, facts=facts)


def test_a_server_deleted_meanwhile_is_a_sentence(model: Model) -> None:
    facts = ModelFacts(
        label="New",
        is_enabled=True,
        for_everybody=True,
        role_ids=frozenset(),
        parameters={},
        context_tokens=None,
        price_in=None,
        price_out=None,
    )
    delete_provider(actor=None, provider=model.provider)
    with pytest.raises(ValidationError, match="deleted in the meantime"):
        update_model(actor=None, model=model, facts=facts)


def test_who_is_of_another_role_does_not_get_it(client: Client, model: Model) -> None:
    client.post(url(model), {"label": "", "is_enabled": "on", "roles": str(role_named("manager").public_id)})
    outside, inside = make_user(role="user"), make_user(role="manager")
    assert "qwen3:4b" not in Model.objects.usable_by(outside).values_list("name", flat=True)
    assert "qwen3:4b" in Model.objects.usable_by(inside).values_list("name", flat=True)


def test_what_comes_to_be_for_everybody_forgets_its_roles(client: Client, model: Model) -> None:
    role = str(role_named("manager").public_id)
    client.post(url(model), {"label": "", "is_enabled": "on", "roles": role})
    client.post(url(model), FIELDS | {"roles": role})
    model.refresh_from_db()
    assert (model.for_everybody, model.roles.count()) == (True, 0)


def test_a_model_is_found_under_its_own_server_alone(client: Client, model: Model) -> None:
    other = create_provider(actor=None, name="Other", base_url="https://models.example.com/v1")
    for act in ("edit", "move"):
        assert client.post(f"/models/{other.public_id}/models/{model.public_id}/{act}/", FIELDS).status_code == 404
        assert client.post(f"/models/{uuid.uuid4()}/models/{model.public_id}/{act}/", FIELDS).status_code == 404
    model.refresh_from_db()
    assert model.position == 0


@pytest.mark.parametrize("role", ["manager", "supervisor", "user"])
def test_who_may_only_read_changes_nothing(model: Model, role: str) -> None:
    client = client_of(make_user(role=role))
    assert client.get(url(model)).status_code == 403
    assert client.post(url(model), FIELDS | {"label": "Mine"}).status_code == 403
    model.refresh_from_db()
    assert model.label == ""


def test_fields_that_are_not_on_the_form_change_nothing(client: Client, model: Model) -> None:
    client.post(url(model), FIELDS | {"name": "evil", "position": "7", "is_present": "", "provider": "9"})
    model.refresh_from_db()
    assert (model.name, model.position, model.is_present) == ("qwen3:4b", 0, True)


def test_many_roles_cost_no_further_queries(client: Client, model: Model, django_assert_max_num_queries: Any) -> None:
    assert Role.objects.count() > 3
    with django_assert_max_num_queries(6):
        client.get(url(model))


def test_the_trail_leads_to_the_page_of_a_model_while_it_is_there(client: Client, model: Model) -> None:
    client.post(url(model), FIELDS | {"label": "Quick"})
    event = AuditEvent.objects.get(action="model.updated")
    admin = client_of(make_user(role="admin"))
    assert url(model) in admin.get(f"/audit/{event.sequence}/").content.decode()
    Model.objects.filter(pk=model.pk).delete()
    assert url(model) not in admin.get(f"/audit/{event.sequence}/").content.decode()
