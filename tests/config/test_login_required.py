import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from pytest_django import Settings

from config.urls import urlpatterns as own_patterns
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


def _says_nothing(request: HttpRequest) -> HttpResponse:
    raise AssertionError("a route that declares nothing was called")


urlpatterns = [path("undeclared/", _says_nothing), *own_patterns]


def test_a_route_that_declares_nothing_is_refused_to_everybody(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    assert Client().get("/undeclared/").status_code == 403
    assert client_of(make_user(role="admin")).get("/undeclared/").status_code == 403


def test_htmx_is_sent_to_the_sign_in_page_as_a_whole(client: Client) -> None:
    response = client.get("/users/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/users/?q=a"})
    assert response.status_code == 204
    assert response.headers["HX-Redirect"] == "/login/?next=%2Fusers%2F%3Fq%3Da"


def test_the_way_back_never_leads_to_another_site(client: Client) -> None:
    response = client.get("/users/", headers={"HX-Request": "true", "HX-Current-URL": "https://elsewhere.example/x"})
    assert response.headers["HX-Redirect"] == "/login/?next=%2F"


@pytest.mark.parametrize("page", ["http://[::1", "http://[x", "http://[::1]]/"])
def test_an_address_nobody_can_read_leads_home(client: Client, page: str) -> None:
    response = client.get("/users/", headers={"HX-Request": "true", "HX-Current-URL": page})
    assert response.headers["HX-Redirect"] == "/login/?next=%2F"
    assert client.post("/theme/", headers={"Referer": page}).headers["Location"] == "/login/?next=%2F"


def test_a_form_sent_without_a_session_returns_to_the_page_it_stood_on(client: Client) -> None:
    response = client.post("/theme/", headers={"Referer": "http://testserver/profile/"})
    assert response.headers["Location"] == "/login/?next=%2Fprofile%2F"


def test_a_first_password_is_changed_before_anything_else() -> None:
    client = client_of(make_user(role="admin", must_change_password=True))
    for address in ("/", "/users/", "/admin/", "/profile/"):
        response = client.get(address)
        assert response.status_code == 302, address
        assert response.headers["Location"].startswith("/password/?next="), address
    assert client.get("/users/", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/password/?next=%2F"
    assert client.get("/password/").status_code == 200
    assert client.get("/healthz").status_code == 200


def test_the_admin_opens_to_those_who_may_read_the_system() -> None:
    assert client_of(make_user(role="manager")).get("/admin/").status_code == 403
    assert client_of(make_user(role="operator")).get("/admin/").status_code == 200


async def test_an_async_request_goes_the_same_way() -> None:
    response = await AsyncClient().get("/users/")
    assert response.status_code == 302
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "camera=()" in response.headers["Permissions-Policy"]


def test_pages_stay_in_no_cache() -> None:
    response = client_of(make_user()).get("/")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
