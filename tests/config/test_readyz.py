import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


def test_the_public_hears_one_word(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (200, b"ready")


def test_a_waiting_migration_is_not_ready_and_details_are_for_few(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'chat'")
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (503, b"unready")
    assert client_of(make_user()).get("/readyz").content == b"unready"
    page = client_of(make_user(role="operator")).get("/readyz")
    assert page.status_code == 503
    assert "chat.0001_initial" in page.content.decode()


def test_a_check_that_breaks_is_a_finding(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE settings_store_audithead RENAME TO away")
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (503, b"unready")


def test_healthz_needs_no_database(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for visitor in (client, client_of(make_user())):
        with django_assert_num_queries(0):
            response = visitor.get("/healthz")
        assert (response.status_code, response.content) == (200, b"ok")


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_only_reading_is_allowed(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
    assert client.head(address).status_code == 200
