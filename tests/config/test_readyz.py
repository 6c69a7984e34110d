from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat.actions.provider import create_provider
from chat.models import Provider
from tests.accounts.factors import ask_of_role
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


def test_details_wait_for_what_must_be_done_first() -> None:
    operator = make_user(role="operator")
    assert "text/html" in client_of(operator).get("/readyz")["Content-Type"]
    ask_of_role(operator)
    assert client_of(operator).get("/readyz").content == b"ready"


@pytest.mark.django_db(transaction=True)
def test_a_check_that_breaks_is_a_finding(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE settings_store_audithead RENAME TO away")
    try:
        response = client.get("/readyz")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO settings_store_audithead")
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


def test_a_value_that_does_not_open_is_told_and_takes_nothing_out_of_service(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    provider = create_provider(actor=None, name="Berlin", base_url="https://berlin.example/v1", key="sk-berlin")
    Provider.objects.update(sealed_key=bytes(provider.sealed_key or b"")[::-1])
    assert (client.get("/readyz").status_code, client.get("/readyz").content) == (200, b"ready")
    staff = client_of(make_user(role="operator"))
    with django_assert_max_num_queries(40):
        page = staff.get("/readyz")
    html = page.content.decode()
    assert page.status_code == 200
    assert "Berlin does not open" in html
    assert "to see to" in html
    out = StringIO()
    call_command("init", "--health-check", stdout=out)
    assert "Berlin does not open" in out.getvalue()
