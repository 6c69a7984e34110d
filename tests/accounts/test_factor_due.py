from __future__ import annotations

import re

import pyotp
import pytest
from django.test import Client

from accounts.models import Totp, User
from tests.accounts.conftest import Trail
from tests.accounts.factors import ask_of_role, first_step, give_app, give_codes, proved_client
from tests.factories import PASSWORD, client_of
from tests.routes import routes
from ui.guard import Kind

URL = "/factor/"


@pytest.fixture
def asked(person: User) -> User:
    """Somebody whose role asks for a second factor."""
    ask_of_role(person)
    return person


def test_nothing_else_opens_before_a_factor_is_set_up(asked: User) -> None:
    wrong = []
    for route in routes():
        access = route.access
        if access is None or access.kind is Kind.PUBLIC or "factor" in access.before:
            continue
        for method in ("get", "post"):
            answer = getattr(client_of(asked), method)(route.path)
            refused = answer.status_code == 403 if access.api else answer.headers.get("Location", "").startswith(URL)
            if not refused and route.path != "/admin/" and not answer.headers.get("HX-Redirect", "").startswith(URL):
                wrong.append((route.route, method, answer.status_code))
    assert wrong == []


def test_the_page_says_who_asks_and_leads_on(asked: User) -> None:
    client = Client()
    answer = client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD, "next": "/profile/"}, follow=True)
    assert answer.request["PATH_INFO"] == URL
    page = answer.content.decode()
    assert "Your role asks for one: User." in page
    assert 'href="/profile/security/app/?next=%2Fprofile%2F"' in page or "/profile/security/app/?next=/profile/" in page
    assert "Sign out" in page


def test_enrolment_opens_everything(asked: User, trail: Trail) -> None:
    client = Client()
    client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD})
    page = client.get("/profile/security/app/?next=/profile/sessions/").content.decode()
    found = re.search(r"data-secret>([A-Z2-7 ]+)<", page)
    assert found
    app = pyotp.TOTP(found[1].replace(" ", ""))
    answer = client.post("/profile/security/app/", {"code": app.now(), "next": "/profile/sessions/"})
    assert answer["Location"] == "/profile/security/codes/?next=%2Fprofile%2Fsessions%2F"
    codes = client.get(answer["Location"])
    assert len(codes.context["codes"]) == 10
    assert client.post("/profile/security/codes/", {"next": "/profile/sessions/"})["Location"] == "/profile/sessions/"
    assert client.get("/profile/sessions/").status_code == 200
    assert trail.actions == ["session.signed_in", "factor.added"]


def test_a_first_password_and_a_factor_are_asked_one_after_the_other(asked: User) -> None:
    User.objects.filter(pk=asked.pk).update(must_change_password=True)
    app, client = give_app(asked), client_of(User.objects.get(pk=asked.pk))
    assert client.get("/")["Location"].startswith(URL)
    assert client.get(URL).status_code == 200
    client.post(URL, {"code": app.now()})
    assert client.get("/")["Location"].startswith("/password/")


def test_somebody_without_a_factor_can_set_one_up_before_the_first_password_is_changed(asked: User) -> None:
    User.objects.filter(pk=asked.pk).update(must_change_password=True)
    client = Client()
    client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD})
    assert client.get(URL).status_code == 200
    assert client.get("/profile/security/app/").status_code == 200
    assert client.get("/profile/security/codes/").status_code == 200


def test_a_factor_is_asked_where_the_session_has_not_seen_it(asked: User, trail: Trail) -> None:
    app, client = give_app(asked), client_of(asked)
    assert client.get("/profile/")["Location"] == f"{URL}?next=%2Fprofile%2F"
    before = client.cookies["gatehouse-session"].value
    planted = Client()
    planted.cookies["gatehouse-session"] = before
    assert client.post(URL, {"code": app.now(), "next": "/profile/"})["Location"] == "/profile/"
    assert client.get("/profile/").status_code == 200
    assert planted.get(URL)["Location"].startswith("/login/")
    (event,) = trail.events
    assert (event.action, event.after) == ("session.stepped_up", {"by": "app"})


def test_a_recovery_code_does_as_well(asked: User) -> None:
    give_app(asked)
    (code, *_rest) = give_codes(asked)
    client = client_of(asked)
    assert client.post(URL, {"with": "recovery", "code": code}).status_code == 302
    assert client.get("/profile/").status_code == 200


def test_wrong_codes_count_here_as_at_the_door(asked: User) -> None:
    app, client = give_app(asked), client_of(asked)
    wrong = "000000" if app.now() != "000000" else "111111"
    for _ in range(5):
        assert client.post(URL, {"code": wrong}).status_code == 422
    assert client.post(URL, {"code": app.now()}).status_code == 422
    elsewhere = Client()
    first_step(elsewhere, asked)
    assert elsewhere.post("/login/factor/", {"code": app.now()}).status_code == 422


def test_enrolment_is_closed_to_a_session_that_has_not_seen_the_factor(asked: User) -> None:
    give_app(asked)
    client = client_of(asked)
    client.post("/step-up/", {"password": PASSWORD})
    for path in ("app/", "app/remove/", "codes/new/"):
        assert client.get(f"/profile/security/{path}")["Location"].startswith(URL)
    assert Totp.objects.count() == 1


def test_a_role_that_begins_to_ask_counts_at_the_next_request(person: User) -> None:
    client = client_of(person)
    assert client.get("/profile/").status_code == 200
    ask_of_role(person)
    assert client.get("/profile/")["Location"].startswith(URL)


def test_a_session_that_has_seen_it_is_not_asked_again(person: User) -> None:
    client = proved_client(person, give_app(person))
    ask_of_role(person)
    assert client.get("/profile/").status_code == 200
    assert client.get(URL)["Location"] == "/"


def test_a_remembered_device_is_spared_it(asked: User) -> None:
    app, client = give_app(asked), Client()
    first_step(client, asked)
    client.post("/login/factor/", {"code": app.now(), "remember": "on"})
    client.post("/logout/")
    client.post("/login/", {"username": "ana.ruiz", "password": PASSWORD})
    assert client.get("/profile/").status_code == 200


def test_nobody_is_asked_for_nothing(as_person: Client) -> None:
    assert as_person.get(URL)["Location"] == "/"


def test_a_stranger_is_sent_to_the_door(client: Client, db: None) -> None:
    assert client.get(URL)["Location"].startswith("/login/")


def test_the_admin_obeys_the_same_rule(admin: User) -> None:
    ask_of_role(admin)
    client = client_of(admin)
    assert client.get("/admin/")["Location"].startswith(URL)
    assert client.get("/admin/accounts/user/")["Location"].startswith(URL)
    app = give_app(admin)
    client.post(URL, {"code": app.now()})
    assert client.get("/admin/").status_code == 200
