import pytest
from django.db import transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat.models import Conversation, Provider
from settings_store import audit
from settings_store.models import Setting
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


def test_a_user_sees_own_conversations_alone(client: Client) -> None:
    user, other = make_user(), make_user()
    Conversation.objects.create(owner=user, title="Night tariffs compared")
    Conversation.objects.create(owner=other, title="Not for everybody")
    page = client_of(user).get("/").content.decode()
    assert "Night tariffs compared" in page
    assert "Not for everybody" not in page
    assert "Newest changes" not in page


def test_somebody_without_any_role_is_told_what_to_wait_for() -> None:
    page = client_of(make_user(role=None)).get("/").content.decode()
    assert "Nothing here yet" in page


def test_an_admin_sees_what_needs_attention_and_what_changed() -> None:
    admin = make_user(role="admin")
    Provider.objects.create(
        name="Berlin", name_key="berlin", base_url="http://192.0.2.1/v1", trouble="The server refused the connection."
    )
    with transaction.atomic():
        audit.record("role.created", actor=admin, target_type="rbac.role", target_name="Night shift")
    page = client_of(admin).get("/").content.decode()
    assert "The server refused the connection." in page
    assert "No model can be used yet." in page
    assert "Night shift" in page


def test_a_secret_that_does_not_open_is_named_with_what_to_do() -> None:
    Setting.objects.create(key="suite.secret", environment="production", version=1, sealed=b"\x01nonsense")
    page = client_of(make_user(role="viewer")).get("/").content.decode()
    assert "suite.secret" in page
    assert "Give the secret anew." in page
    assert "suite.secret" not in client_of(make_user(role="user")).get("/").content.decode()


def test_queries_do_not_grow_with_the_rows(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    admin = make_user(role="admin")
    for number in range(12):
        Conversation.objects.create(owner=admin, title=f"Conversation {number}")
        Provider.objects.create(
            name=f"Server {number}", name_key=f"server {number}", base_url="http://192.0.2.1/v1", trouble="Away."
        )
    client = client_of(admin)
    # The first page after a role has changed reads the map of roles, which the process keeps.
    client.get("/")
    with django_assert_max_num_queries(12):
        assert client.get("/").status_code == 200


def test_strangers_are_sent_to_sign_in(client: Client) -> None:
    response = client.get("/?page=2")
    assert response.status_code == 302
    assert response.headers["Location"] == "/login/?next=%2F%3Fpage%3D2"


def test_home_is_read_only() -> None:
    assert client_of(make_user()).post("/").status_code == 405
