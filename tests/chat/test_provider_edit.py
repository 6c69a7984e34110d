"""Adding, changing and removing model servers, above all what may become of their keys."""

from __future__ import annotations

import json
import time

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User
from chat.actions.provider import (
    create_provider,
    delete_provider,
    endpoint_of,
    record_check,
    register_local_model,
    update_provider,
)
from chat.models import Conversation, Message, Model, Provider
from settings_store import crypto
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user
from ui.guard import STEP_UP_SESSION_KEY

pytestmark = pytest.mark.django_db
KEY = "sk-canary-81f2c0"
# Nothing listens on port 9, so the check after saving fails at once.
FIELDS = {"name": "Ollama", "base_url": "http://127.0.0.1:9/v1", "allow_private": "on"}


def sure(user: User) -> Client:
    """A browser whose person has just confirmed the password."""
    client = client_of(user)
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    return client


@pytest.fixture
def client() -> Client:
    return sure(make_user(role="operator"))


def provider_with_key() -> Provider:
    return create_provider(actor=None, name="Hosted", base_url="https://models.example.com/v1", key=KEY)


def test_adding_one_keeps_it_also_where_it_does_not_answer(client: Client) -> None:
    assert client.post("/models/new/", FIELDS | {"key": KEY}).status_code == 302
    provider = Provider.objects.get()
    assert endpoint_of(provider).key == KEY
    page = client.get("/models/").content.decode()
    assert "does not answer" in page
    assert provider.trouble in page.replace("&#x27;", "'")
    assert provider.trouble


def test_a_key_is_nowhere_in_the_clear(client: Client) -> None:
    client.post("/models/new/", FIELDS | {"key": KEY})
    provider = Provider.objects.get()
    client.post(f"/models/{provider.public_id}/edit/", FIELDS | {"name": "Other", "key": f"{KEY}-2"})
    client.post(f"/models/{provider.public_id}/check/")
    assert KEY.encode() not in bytes(Provider.objects.get().sealed_key or b"")
    trail = json.dumps([[event.before, event.after, event.target_name] for event in AuditEvent.objects.all()])
    assert KEY not in trail
    for page in ("/models/", f"/models/{provider.public_id}/edit/", f"/models/{provider.public_id}/delete/"):
        assert KEY not in client.get(page).content.decode()


def test_a_key_is_not_given_back_with_a_form_in_error(client: Client) -> None:
    response = client.post("/models/new/", FIELDS | {"name": "", "key": KEY})
    assert response.status_code == 422
    assert KEY not in response.content.decode()


def test_an_empty_key_keeps_the_one_there_is(client: Client) -> None:
    provider = provider_with_key()
    client.post(f"/models/{provider.public_id}/edit/", {"name": "Renamed", "base_url": provider.base_url, "key": ""})
    provider.refresh_from_db()
    assert (provider.name, endpoint_of(provider).key) == ("Renamed", KEY)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.net/v1",
        "http://models.example.com/v1",
        "https://models.example.com:8443/v1",
        "https://models.example.com.evil.example.net/v1",
        "https://models.example.com/another-tenant/v1",
    ],
)
def test_a_kept_key_never_follows_the_address_to_another_one(client: Client, address: str) -> None:
    provider = provider_with_key()
    response = client.post(f"/models/{provider.public_id}/edit/", {"name": "Hosted", "base_url": address})
    assert response.status_code == 422
    assert "This is another address." in response.content.decode()
    provider.refresh_from_db()
    assert provider.base_url == "https://models.example.com/v1"


def test_another_spelling_of_the_same_address_keeps_the_key() -> None:
    provider = provider_with_key()
    update_provider(
        actor=None,
        provider=provider,
        name="Hosted",
        base_url="https://MODELS.example.com:443/v1",
        allow_private=False,
    )
    provider.refresh_from_db()
    assert endpoint_of(provider).key == KEY


def test_the_address_may_move_when_the_key_is_removed() -> None:
    provider = provider_with_key()
    update_provider(
        actor=None,
        provider=provider,
        name="Hosted",
        base_url="https://other.example.com/v1",
        remove_key=True,
        allow_private=False,
    )
    provider.refresh_from_db()
    assert provider.sealed_key is None
    assert AuditEvent.objects.get(action="provider.updated").after == {
        "base_url": "https://other.example.com/v1",
        "key": "",
    }


def test_a_new_key_is_in_the_trail_as_a_change_without_its_text() -> None:
    provider = provider_with_key()
    update_provider(
        actor=None, provider=provider, name="Hosted", base_url=provider.base_url, key="another", allow_private=False
    )
    event = AuditEvent.objects.get(action="provider.updated")
    assert event.before == event.after
    assert list(event.after or {}) == ["key"]


def test_saving_without_a_change_leaves_no_event() -> None:
    provider = provider_with_key()
    events = AuditEvent.objects.count()
    update_provider(actor=None, provider=provider, name="Hosted", base_url=provider.base_url, allow_private=False)
    assert AuditEvent.objects.count() == events


def test_a_sealed_key_moved_to_another_row_does_not_open() -> None:
    provider = provider_with_key()
    other = create_provider(actor=None, name="Other", base_url="https://other.example.com/v1")
    Provider.objects.filter(pk=other.pk).update(sealed_key=provider.sealed_key)
    other.refresh_from_db()
    with pytest.raises(crypto.Damaged):
        endpoint_of(other)


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("ftp://models.example.com/v1", True),
        ("file:///etc/passwd", True),
        ("http://name:secret@models.example.com/v1", True),
        ("https://models.example.com/v1?key=1", True),
        ("https://models.example.com/v1#x", True),
        ("http://127.0.0.1:11434/v1", False),
        ("http://[::1]/v1", False),
        ("http://localhost/v1", False),
        ("http://10.0.0.5/v1", False),
        ("http://169.254.169.254/latest", True),
        ("http://models.example.com:99999/v1", True),
        ("http://[::1/v1", True),
        ("http://", True),
        ("nonsense", True),
        ("http://a b/v1", True),
        ("http://x\0/v1", True),
        ("https://" + "x" * 400 + ".example.com/", True),
    ],
)
def test_addresses_that_are_never_called(client: Client, address: str, private: bool) -> None:
    fields = {"name": "X", "base_url": address} | ({"allow_private": "on"} if private else {})
    response = client.post("/models/new/", fields)
    assert response.status_code == 422
    assert not Provider.objects.exists()


@pytest.mark.parametrize("key", ["with space", "line\nbreak", "naïve", "x" * 2001, "nul\0"])
def test_keys_that_no_header_carries(client: Client, key: str) -> None:
    assert client.post("/models/new/", FIELDS | {"key": key}).status_code == 422
    assert not Provider.objects.exists()


def test_a_name_is_taken_once(client: Client) -> None:
    create_provider(actor=None, name="ollama", base_url="https://models.example.com/v1")
    response = client.post("/models/new/", FIELDS)
    assert "Another server has this name." in response.content.decode()
    with pytest.raises(ValidationError):
        create_provider(actor=None, name="OLLAMA", base_url="https://models.example.com/v1")


def test_deleting_asks_for_the_name_and_old_answers_keep_theirs(client: Client) -> None:
    provider = provider_with_key()
    model = Model.objects.create(provider=provider, name="qwen3")
    talk = Conversation.objects.create(owner=make_user(), model=model)
    answer = Message.objects.create(conversation=talk, role="assistant", model=model, model_name="qwen3")
    url = f"/models/{provider.public_id}/delete/"
    assert client.post(url, {"confirm": "hosted"}).status_code == 422
    assert Provider.objects.exists()
    assert client.post(url, {"confirm": "Hosted"}).status_code == 302
    answer.refresh_from_db()
    assert (answer.model, answer.model_name) == (None, "qwen3")
    event = AuditEvent.objects.get(action="provider.deleted")
    assert (event.target_name, event.before and event.before["models"]) == ("Hosted", ["qwen3"])


def test_deleted_meanwhile_is_a_sentence() -> None:
    provider = provider_with_key()
    delete_provider(actor=None, provider=Provider.objects.get())
    with pytest.raises(ValidationError):
        record_check(actor=None, provider=provider, found=["x"])


@pytest.mark.parametrize("page", ["/models/new/", "/models/{id}/edit/", "/models/{id}/delete/"])
def test_a_fresh_password_is_asked_for_first(page: str) -> None:
    url = page.format(id=provider_with_key().public_id)
    client = client_of(make_user(role="operator"))
    assert client.get(url).headers["Location"].startswith("/step-up/?next=")
    assert client.post(url, FIELDS).headers["Location"].startswith("/step-up/")
    assert Provider.objects.get().name == "Hosted"


@pytest.mark.parametrize("role", ["manager", "supervisor", "user"])
def test_who_may_only_read_changes_nothing(role: str) -> None:
    provider = provider_with_key()
    client = sure(make_user(role=role))
    for page in ("new", *(f"{provider.public_id}/{act}" for act in ("edit", "delete", "check", "enabled"))):
        assert client.post(f"/models/{page}/", FIELDS | {"confirm": "Hosted"}).status_code == 403
    provider.refresh_from_db()
    assert (provider.name, provider.is_enabled, provider.checked_at) == ("Hosted", True, None)


def test_fields_that_are_not_on_the_form_change_nothing(client: Client) -> None:
    client.post("/models/new/", FIELDS | {"is_demo": "on", "is_enabled": "", "trouble": "x", "public_id": "1"})
    provider = Provider.objects.get()
    assert (provider.is_demo, provider.is_enabled) == (False, True)


def test_the_local_model_is_registered_once_and_follows_its_address() -> None:
    first = register_local_model(base_url="http://127.0.0.1:8100/v1", key="a", models=["smollm2"])
    events = AuditEvent.objects.count()
    again = register_local_model(base_url="http://127.0.0.1:8100/v1", key="a", models=["smollm2"])
    assert AuditEvent.objects.count() == events, "a second start is no news"
    moved = register_local_model(base_url="http://127.0.0.1:8200/v1", key="b", models=["smollm2"])
    assert first.pk == again.pk == moved.pk
    assert (endpoint_of(moved).base_url, endpoint_of(moved).key) == ("http://127.0.0.1:8200/v1", "b")
    assert moved.is_demo
    assert list(Model.objects.usable().values_list("name", flat=True)) == ["smollm2"]


def test_the_local_model_comes_back_after_its_key_was_lost() -> None:
    provider = register_local_model(base_url="http://127.0.0.1:8100/v1", key="a", models=["smollm2"])
    Provider.objects.update(sealed_key=b"damaged")
    provider = register_local_model(base_url="http://127.0.0.1:8100/v1", key="a", models=["smollm2"])
    assert endpoint_of(provider).key == "a"


@pytest.mark.parametrize(
    ("field", "value"), [("name", "\ufb2c" * 40), ("base_url", "https://a.example/" + "\ufb2c" * 140)]
)
def test_texts_are_measured_as_they_are_kept(client: Client, field: str, value: str) -> None:
    # Composed, this one character becomes three.
    sent = {"name": "Hosted", "base_url": "https://models.example.com/v1"} | {field: value}
    assert client.post("/models/new/", sent).status_code == 422
    assert not Provider.objects.exists()
