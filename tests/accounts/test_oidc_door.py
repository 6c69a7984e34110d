"""The door to identity providers: whose answer counts, once, and where one comes out."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import IdentityProvider, Session, User
from accounts.oidc import kept, wire
from accounts.views import oidc
from settings_store.models import AuditEvent
from tests.accounts.oidc import OidcServer, come_back, go_to, leave, make_provider, sign_in_with, trouble_at_the_door
from tests.factories import client_of, make_user

NOT_ASKED = "was not asked for, or came too late"
BACK = "/login/with/house/back/"


@pytest.fixture
def provider(oidc_server: OidcServer, db: None) -> IdentityProvider:
    return make_provider(oidc_server.issuer)


def is_signed_in(client: Client) -> bool:
    return SESSION_KEY in client.session


def test_the_door_shows_each_provider_that_is_enabled(oidc_server: OidcServer, client: Client, db: None) -> None:
    assert "Sign in with" not in client.get(reverse("login")).content.decode()
    make_provider(oidc_server.issuer, name="<Lindblad>")
    off = make_provider(oidc_server.issuer, slug="off", name="Off")
    IdentityProvider.objects.filter(pk=off.pk).update(is_enabled=False)
    page = client.get(reverse("login"), {"next": "/profile/"}).content.decode()
    assert "Sign in with &lt;Lindblad&gt;" in page
    assert "/login/with/house/?next=%2Fprofile%2F" in page
    assert "Off" not in page


def test_what_the_provider_is_asked(provider: IdentityProvider, client: Client) -> None:
    url = urlsplit(leave(client))
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"http://testserver{BACK}"
    assert asked["scope"] == "openid email profile"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert "prompt" not in asked
    again = {name: values[0] for name, values in parse_qs(urlsplit(leave(client)).query).items()}
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("/users/?q=a", "/users/?q=a"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/login/", "/"),
        ("", "/"),
    ],
)
def test_one_comes_out_where_one_wanted_within_the_house(
    provider: IdentityProvider, client: Client, wanted: str, expected: str
) -> None:
    assert sign_in_with(client, next=wanted)["Location"] == expected
    assert is_signed_in(client)


def test_the_answer_of_another_browser_does_not_count(provider: IdentityProvider, client: Client) -> None:
    url = go_to(leave(client))
    victim = Client()
    assert NOT_ASKED in trouble_at_the_door(victim, come_back(victim, url)["Location"])
    assert not is_signed_in(victim)
    leave(victim)
    come_back(victim, url)
    assert not is_signed_in(victim)


def test_an_answer_counts_once(provider: IdentityProvider, oidc_server: OidcServer, client: Client) -> None:
    url = go_to(leave(client))
    oidc_server.change(token={"status": 500})
    come_back(client, url)
    assert not is_signed_in(client)
    oidc_server.change()
    come_back(client, url)
    assert not is_signed_in(client)
    assert len(oidc_server.seen("/token")) == 1
    assert NOT_ASKED in trouble_at_the_door(client)


@pytest.mark.django_db(transaction=True)
def test_an_answer_counts_once_also_at_the_same_moment(oidc_server: OidcServer) -> None:
    make_provider(oidc_server.issuer)
    client = Client()
    url = go_to(leave(client))
    cookies = {name: cookie.value for name, cookie in client.cookies.items()}

    def back(_number: int) -> str:
        browser = Client()
        browser.cookies.load(cookies)
        try:
            come_back(browser, url)
            return str(browser.session.get(SESSION_KEY, ""))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        signed_in = [user for user in pool.map(back, range(6)) if user]
    assert len(signed_in) <= 1
    assert len(oidc_server.seen("/token")) == 1
    assert AuditEvent.objects.filter(action="session.signed_in").count() == len(signed_in)


def test_the_answer_of_one_provider_is_not_taken_to_another(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    make_provider(oidc_server.issuer, slug="other")
    url = go_to(leave(client))
    come_back(client, url.replace("/with/house/", "/with/other/"))
    assert not is_signed_in(client)
    assert oidc_server.seen("/token") == []


@pytest.mark.parametrize("answer", [{"iss": "https://elsewhere.example"}])
def test_an_answer_that_names_another_issuer_is_refused(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, answer: dict[str, str]
) -> None:
    oidc_server.behave(answer=answer)
    sign_in_with(client)
    assert not is_signed_in(client)
    assert oidc_server.seen("/token") == []
    assert "came from another provider" in trouble_at_the_door(client)


def test_a_provider_that_names_itself_must_do_so(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    metadata = {"authorization_response_iss_parameter_supported": True}
    oidc_server.behave(metadata=metadata)
    sign_in_with(client)
    assert not is_signed_in(client)
    oidc_server.behave(metadata=metadata, answer={"iss": oidc_server.issuer})
    sign_in_with(client)
    assert is_signed_in(client)


def test_an_answer_that_comes_late_does_not_count(provider: IdentityProvider, client: Client) -> None:
    url = go_to(leave(client))
    session = client.session
    for each in session[kept.SESSION_KEY].values():
        each["asked"]["at"] = time.time() - kept.SECONDS - 1
    session.save()
    come_back(client, url)
    assert NOT_ASKED in trouble_at_the_door(client)


def test_a_few_tabs_may_be_on_the_way_at_once(provider: IdentityProvider, client: Client) -> None:
    urls = [go_to(leave(client)) for _ in range(kept.TABS + 1)]
    come_back(client, urls[0])
    assert not is_signed_in(client)
    come_back(client, urls[2])
    assert is_signed_in(client)
    # In another tab they are let through, signed in as they are.
    assert come_back(client, urls[3]).status_code == 302


def test_a_planted_session_is_dead_afterwards(provider: IdentityProvider, client: Client) -> None:
    url = go_to(leave(client))
    planted = client.session.session_key
    come_back(client, url)
    assert is_signed_in(client)
    assert client.session.session_key != planted
    assert Session.objects.count() == 1


def test_a_signed_in_person_is_not_made_somebody_else(provider: IdentityProvider, oidc_server: OidcServer) -> None:
    ana = make_user(username="ana")
    browser = client_of(ana)
    assert browser.get(reverse("oidc_begin", args=["house"]), {"next": "/profile/"})["Location"] == "/profile/"
    assert browser.get(BACK, {"state": "made up", "code": "x"}).status_code == 302
    assert browser.session[SESSION_KEY] == str(ana.pk)
    assert oidc_server.seen("/token") == []


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"error": "access_denied", "error_description": "<b>no</b>"}, "You did not sign in at the provider."),
        ({"error": "server_error"}, "does not work at the moment"),
        ({"error": "<script>"}, "does not work at the moment"),
        ({"error": "x" * 5000}, "does not work at the moment"),
        ({"code": ""}, "was not complete"),
        ({"code": "c" * 5000}, "was not complete"),
        ({"code": "a\x00b"}, "was not complete"),
        ({"code": "made-up"}, "does not accept its answer any more"),
    ],
)
def test_what_a_browser_may_bring_back(
    provider: IdentityProvider, client: Client, answer: dict[str, str], sentence: str
) -> None:
    state = parse_qs(urlsplit(leave(client)).query)["state"][0]
    client.get(BACK, {"state": state, **answer})
    page = trouble_at_the_door(client)
    assert sentence in page
    assert "<script>" not in page.partition("</head>")[2].partition("<script")[0]
    assert not User.objects.exists()
    # Told once.
    assert sentence not in trouble_at_the_door(client)


@pytest.mark.parametrize(
    "query", ["", "?state=", "?state=%00", "?state=%ED%A0%80&code=1", f"?{urlencode({'state': 'x' * 9000})}"]
)
def test_an_answer_nobody_asked_for_is_answered_in_words(
    provider: IdentityProvider, client: Client, query: str
) -> None:
    answer = client.get(BACK + query)
    assert answer.status_code == 302
    assert NOT_ASKED in trouble_at_the_door(client, answer["Location"])
    assert not Session.objects.exists()


@pytest.mark.parametrize("url", ["/login/with/house/", BACK])
def test_other_methods_are_refused(provider: IdentityProvider, client: Client, url: str) -> None:
    assert client.post(url).status_code == 405


def test_beginnings_are_counted_by_address(
    provider: IdentityProvider, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "BEGINNINGS", 2)
    for _ in range(2):
        assert leave(client).startswith(provider.issuer)
    assert leave(client).startswith(reverse("login"))
    assert "Too many sign-ins were begun" in trouble_at_the_door(client)


@pytest.mark.parametrize(
    ("behaviour", "trouble"),
    [
        ({"document": {"status": 404}}, "status 404"),
        ({"document": {"status": 500}}, "status 500"),
        ({"document": {"text": "<html>", "type": "text/html"}}, "other than JSON"),
        ({"document": {"text": "{"}}, "cannot be read"),
        ({"document": {"text": "[]"}}, "cannot be read"),
        ({"document": {"text": "[" * 100_000}}, "cannot be read"),
        ({"document": {"length": 400_000}}, "too long"),
        ({"document": {"redirect": "http://127.0.0.1:1/"}}, "redirect"),
        ({"metadata": {"issuer": "https://elsewhere.example"}}, "another issuer"),
        ({"metadata": {"issuer": None}}, "another issuer"),
        ({"metadata": {"token_endpoint": None}}, "lacks token_endpoint"),
        ({"metadata": {"token_endpoint": "http://169.254.169.254/"}}, "may not be called"),
        ({"metadata": {"jwks_uri": "file:///etc/passwd"}}, "may not be called"),
        ({"metadata": {"authorization_endpoint": "javascript:alert(1)"}}, "may not be called"),
    ],
)
def test_a_provider_that_misbehaves_before(
    oidc_server: OidcServer, client: Client, db: None, behaviour: dict[str, object], trouble: str
) -> None:
    oidc_server.behave(**behaviour)
    provider = make_provider(oidc_server.issuer)
    door = leave(client, next="/profile/")
    assert door == f"{reverse('login')}?next=%2Fprofile%2F&trouble=failed"
    assert "does not work at the moment" in trouble_at_the_door(client, door)
    assert not Session.objects.exists()
    provider.refresh_from_db()
    assert trouble in provider.trouble
    # Once all is well again, nothing of it is left.
    oidc_server.behave()
    sign_in_with(client)
    provider.refresh_from_db()
    assert (is_signed_in(client), provider.trouble) == (True, "")


@pytest.mark.parametrize(
    ("behaviour", "trouble"),
    [
        ({"token": {"status": 503}}, "status 503"),
        ({"token": {"status": 401, "text": '{"error": "invalid_client"}'}}, "client id and secret"),
        ({"token": {"status": 400, "text": '{"error": "invalid_request"}'}}, "refuses to say"),
        ({"token": {"status": 400, "text": '{"error": ["<script>"]}'}}, "refuses to say"),
        ({"token": {"text": "null"}}, "cannot be read"),
        ({"token": {"length": 400_000}}, "too long"),
        ({"token": {"redirect": "http://127.0.0.1:1/"}}, "redirect"),
        ({"token": {"text": "id_token=1", "type": "application/x-www-form-urlencoded"}}, "other than JSON"),
        ({"keys": {"status": 404}}, "status 404"),
        ({"keys": {"text": '{"keys": 7}'}}, "list of keys"),
        ({"keys": {"text": '{"keys": []}'}}, "not valid"),
        ({"keys": {"length": 400_000}}, "too long"),
        ({"without": ["email"], "userinfo": {"status": 401}}, "status 401"),
        ({"without": ["email"], "userinfo": {"text": "jwt", "type": "application/jwt"}}, "other than JSON"),
        ({"without": ["email"], "tokens": {"access_token": "a\nb"}}, "cannot be read"),
    ],
)
def test_a_provider_that_misbehaves_after(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, behaviour: dict[str, object], trouble: str
) -> None:
    oidc_server.behave(**behaviour)
    sign_in_with(client)
    assert not is_signed_in(client)
    assert "does not work at the moment" in trouble_at_the_door(client)
    provider.refresh_from_db()
    assert trouble in provider.trouble


def test_a_provider_that_is_silent(
    oidc_server: OidcServer, client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "REQUEST_SECONDS", 0.2)
    oidc_server.behave(document={"delay": 3})
    provider = make_provider(oidc_server.issuer)
    leave(client)
    provider.refresh_from_db()
    assert "in time" in provider.trouble


def test_a_provider_that_is_down(client: Client, db: None) -> None:
    provider = make_provider("http://127.0.0.1:1")
    leave(client)
    provider.refresh_from_db()
    assert "cannot be reached" in provider.trouble


def test_a_provider_in_a_private_network_is_not_called_unless_allowed(
    oidc_server: OidcServer, client: Client, db: None
) -> None:
    provider = make_provider(oidc_server.issuer)
    IdentityProvider.objects.filter(pk=provider.pk).update(allow_private=False)
    leave(client)
    provider.refresh_from_db()
    assert "private network" in provider.trouble
    assert oidc_server.seen("/.well-known/openid-configuration") == []


def test_a_secret_of_another_installation_is_no_error(provider: IdentityProvider, client: Client) -> None:
    IdentityProvider.objects.filter(pk=provider.pk).update(sealed_secret=b"\x01" * 60)
    assert "does not work at the moment" in trouble_at_the_door(client, leave(client))
    provider.refresh_from_db()
    assert "cannot be opened" in provider.trouble


def test_a_disabled_or_unknown_provider_is_not_there(provider: IdentityProvider, client: Client) -> None:
    assert client.get(reverse("oidc_begin", args=["unknown"])).status_code == 404
    IdentityProvider.objects.update(is_enabled=False)
    assert client.get(reverse("oidc_begin", args=["house"])).status_code == 404


def test_a_flood_of_beginnings_clears_those_that_are_over(provider: IdentityProvider) -> None:
    for _ in range(3):
        leave(Client())
    Session.objects.update(expire_date=timezone.now() - timedelta(minutes=1))
    leave(Client())
    assert Session.objects.count() == 1


def test_a_word_in_the_address_says_no_more_than_is_known(provider: IdentityProvider, client: Client) -> None:
    assert "boxed" not in trouble_at_the_door(client, "/login/?trouble=<b>pay</b>")
