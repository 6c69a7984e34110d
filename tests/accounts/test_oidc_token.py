"""What an identity provider may send in the place of a right ID token, and that none of it signs anybody in."""

from __future__ import annotations

import base64

import pytest
from django.test import Client

from accounts.actions.identity_provider import client_of
from accounts.models import IdentityProvider, User
from accounts.oidc.discovery import check_address
from settings_store.outbound import OutboundRefused
from tests.accounts.oidc import OidcServer, come_back, go_to, leave, make_provider, sign_in_with, trouble_at_the_door

AT_FAULT = "does not work at the moment"


@pytest.fixture
def provider(oidc_server: OidcServer, db: None) -> IdentityProvider:
    return make_provider(oidc_server.issuer)


def stays_outside(client: Client, provider: IdentityProvider, *, trouble: str = "ID token is not valid") -> bool:
    """Whether a sign-in just ended in one sentence at the door, noted beside the provider."""
    provider.refresh_from_db()
    return not User.objects.exists() and AT_FAULT in trouble_at_the_door(client) and trouble in provider.trouble


@pytest.mark.parametrize("signed", ["RS256", "PS256", "ES256", "EdDSA"])
def test_each_kind_of_key_is_understood(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, signed: str
) -> None:
    oidc_server.behave(signed=signed)
    sign_in_with(client)
    assert User.objects.exists()


def test_a_token_without_a_key_id_is_tried_with_each_key(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    oidc_server.behave(signed="ES256", anonymous=True)
    sign_in_with(client)
    assert User.objects.exists()


@pytest.mark.parametrize("signed", ["none", "HS256"])
def test_signatures_anybody_can_make_are_not_accepted(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, signed: str
) -> None:
    oidc_server.behave(signed=signed)
    sign_in_with(client)
    assert stays_outside(client, provider, trouble="a way that is not accepted")


@pytest.mark.parametrize(
    "behaviour",
    [
        {"signed": "foreign"},
        {"claims": {"iss": "https://elsewhere.example"}},
        {"claims": {"iss": None}},
        {"claims": {"aud": "another client"}},
        {"claims": {"aud": []}},
        {"claims": {"aud": 7}},
        {"claims": {"aud": ["gatehouse", "another"]}},
        {"claims": {"aud": ["gatehouse", "another"], "azp": "another"}},
        {"claims": {"azp": "another"}},
        {"claims": {"nonce": "swapped"}},
        {"claims": {"nonce": None}},
        {"claims": {"nonce": 7}},
        {"claims": {"at_hash": "of another access token"}},
        {"claims": {"sub": ""}},
        {"claims": {"sub": "s" * 256}},
        {"claims": {"sub": 7}},
        {"claims": {"sub": "a\nb"}},
        {"claims": {"exp": "soon"}},
        {"claims": {"iat": None}},
        {"times": {"exp": -61}},
        {"times": {"iat": 120, "exp": 600}},
        {"times": {"nbf": 120}},
        {"without": ["nonce"]},
        {"without": ["sub"]},
        {"without": ["aud"]},
        {"without": ["iss"]},
        {"without": ["exp"]},
        {"without": ["iat"]},
        {"header": {"kid": "unknown"}},
        {"tokens": {"id_token": "no token"}},
        {"tokens": {"id_token": "a.b.c"}},
        {"tokens": {"id_token": "e30.e30."}},
        {"tokens": {"id_token": "😀.😀.😀"}},
        {"tokens": {"id_token": base64.urlsafe_b64encode(b"x" * 150_000).decode()}},
    ],
)
def test_no_token_passes_that_is_not_ours_now(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, behaviour: dict[str, object]
) -> None:
    oidc_server.behave(**behaviour)
    sign_in_with(client)
    assert stays_outside(client, provider)


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": False}, {"crit": ["exp"]}])
def test_a_header_that_must_be_understood_is_refused(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, header: dict[str, object]
) -> None:
    oidc_server.behave(header=header)
    sign_in_with(client)
    assert not User.objects.exists()
    assert AT_FAULT in trouble_at_the_door(client)


def test_no_token_at_all_signs_nobody_in(provider: IdentityProvider, oidc_server: OidcServer, client: Client) -> None:
    oidc_server.behave(tokens={"id_token": None})
    sign_in_with(client)
    assert stays_outside(client, provider, trouble="sent no ID token")


@pytest.mark.parametrize("times", [{"exp": -30}, {"iat": 30, "exp": 90}, {"nbf": 30}])
def test_clocks_may_differ_by_a_minute(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, times: dict[str, int]
) -> None:
    oidc_server.behave(times=times)
    sign_in_with(client)
    assert User.objects.exists()


def test_the_other_answer_must_be_about_the_same_person(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    oidc_server.behave(without=["email"], person={"sub": "subject-2", "email": "nora@example.org"})
    sign_in_with(client)
    assert stays_outside(client, provider, trouble="two different people")


def test_keys_are_asked_for_anew_once_where_one_is_unknown(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client
) -> None:
    sign_in_with(client)
    assert len(oidc_server.seen("/keys")) == 1
    sign_in_with(Client())
    assert len(oidc_server.seen("/keys")) == 1
    oidc_server.change(header={"kid": "unknown"})
    sign_in_with(Client())
    assert len(oidc_server.seen("/keys")) == 2


def test_the_secret_goes_where_the_provider_wants_it(oidc_server: OidcServer, client: Client, db: None) -> None:
    make_provider(oidc_server.issuer, slug="header", client_id="a client", secret="a:b/c")
    oidc_server.change()
    sign_in_with(client, slug="header")
    asked = oidc_server.seen("/token")[0]
    assert base64.b64decode(asked["authorization"].removeprefix("Basic ")).decode() == "a%20client:a%3Ab%2Fc"
    assert "client_secret" not in asked
    oidc_server.behave(metadata={"token_endpoint_auth_methods_supported": ["client_secret_post"]}, claims={"sub": "2"})
    make_provider(oidc_server.issuer, slug="form")
    sign_in_with(Client(), slug="form")
    asked = oidc_server.seen("/token")[0]
    assert (asked["authorization"], asked["client_secret"]) == ("", "a secret")
    oidc_server.behave(claims={"sub": "3"})
    make_provider(oidc_server.issuer, slug="public", secret="")
    sign_in_with(Client(), slug="public")
    asked = oidc_server.seen("/token")[0]
    assert (asked["authorization"], asked["client_id"]) == ("", "gatehouse")
    assert "client_secret" not in asked


def test_nothing_of_a_sign_in_is_said_in_the_log(
    provider: IdentityProvider, oidc_server: OidcServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    oidc_server.behave(claims={"nonce": "swapped"})
    url = leave(client)
    come_back(client, go_to(url))
    asked = oidc_server.seen("/token")[0]
    authorised = oidc_server.seen("/authorize")[0]
    log = caplog.text
    assert "identity_provider_failed" in log
    for secret in (asked["code"], asked["code_verifier"], authorised["state"], authorised["nonce"], "a secret", "eyJ"):
        assert secret not in log


@pytest.mark.parametrize(
    "url",
    [
        "http://sso.example.org/token",
        "https://127.0.0.1/token",
        "https://0x7f000001/token",
        "https://[::1]/token",
        "https://169.254.169.254/token",
        "https://localhost/token",
        "https://user:pass@sso.example.org/token",
        "https://sso.example.org/token#part",
        "https://127.0.0.1/token?p=1",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "",
        "//sso.example.org/token",
        "https://sso.example.org/\ntoken",
    ],
)
def test_no_endpoint_lies_where_nothing_is_called(url: str) -> None:
    with pytest.raises(OutboundRefused):
        check_address(url, allow_private=False)


def test_endpoints_may_tell_tenants_apart_by_a_query() -> None:
    check_address("https://sso.example.org/token?policy=one", allow_private=False)


def test_a_client_does_not_print_its_secret(provider: IdentityProvider) -> None:
    assert "a secret" not in repr(client_of(provider))
