"""Two providers of other makes, each a process of its own: signing in there, back here, twice, with roles by claims."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener, urlopen

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client

from accounts.models import Identity, IdentityProvider, User
from rbac.actions.claims import map_claim
from tests.accounts.oidc import ROOT, StayHere, come_back, leave, location_of, make_provider, running_mock_provider
from tests.factories import role_named
from tests.oidc_house.serve import PASSWORD

BACK = "http://testserver/login/with/house/back/"


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """django-oauth-toolkit; answers its issuer."""
    folder = tmp_path_factory.mktemp("oidc-house")
    command = [sys.executable, "-m", "tests.oidc_house.serve", str(folder), BACK]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/o"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def mock_provider() -> Iterator[str]:
    with running_mock_provider("--require-nonce", "true") as issuer:
        yield issuer


def at_the_toolkit(browser: OpenerDirector, url: str) -> str:
    """Sign in there, unless this browser did so already; answers where one is sent back to."""
    there = location_of(browser, url)
    if "/sign-in/" in there:
        origin = "/".join(url.split("/")[:3])
        form = urlencode({"username": "nora", "password": PASSWORD}).encode()
        there = location_of(browser, f"{origin}{location_of_form(origin, there)}", form)
        there = location_of(browser, f"{origin}{there}")
    return there


def location_of_form(origin: str, there: str) -> str:
    return there.removeprefix(origin)


def new_browser() -> OpenerDirector:
    return build_opener(StayHere, HTTPCookieProcessor(CookieJar()))


def test_django_oauth_toolkit(toolkit: str, client: Client, db: None) -> None:
    provider = make_provider(toolkit, role_claim="groups")
    map_claim(actor=None, provider=provider, value="operators", role=role_named("operator"))
    elsewhere = new_browser()
    come_back(client, at_the_toolkit(elsewhere, leave(client)))
    user = User.objects.get()
    assert client.session[SESSION_KEY] == str(user.pk)
    assert (user.username, user.email, user.full_name) == ("nora", "nora@example.org", "Nora Lind")
    assert client.get("/settings/").status_code == 200
    again = Client()
    come_back(again, at_the_toolkit(elsewhere, leave(again)))
    assert again.session[SESSION_KEY] == str(user.pk)
    assert (User.objects.count(), Identity.objects.count()) == (1, 1)
    provider.refresh_from_db()
    assert provider.trouble == ""


def test_django_oauth_toolkit_with_a_wrong_secret(toolkit: str, client: Client, db: None) -> None:
    provider = make_provider(toolkit, secret="wrong")
    come_back(client, at_the_toolkit(new_browser(), leave(client)))
    assert SESSION_KEY not in client.session
    provider.refresh_from_db()
    assert "client id and secret" in provider.trouble


def test_oidc_provider_mock(mock_provider: str, client: Client, db: None) -> None:
    make_provider(mock_provider, role_claim="groups", joining=IdentityProvider.Joining.EVERYBODY)
    claims = {"email": "kim@example.org", "email_verified": True, "name": "Kim Lee", "groups": ["operators"]}
    say = Request(f"{mock_provider}/users/kim", json.dumps(claims).encode(), method="PUT")  # noqa: S310 - our own
    say.add_header("Content-Type", "application/json")
    urlopen(say).close()  # noqa: S310 - our own
    form = urlencode({"sub": "kim"}).encode()
    come_back(client, location_of(new_browser(), leave(client), form))
    user = User.objects.get()
    assert client.session[SESSION_KEY] == str(user.pk)
    assert (user.username, user.full_name, user.is_verified) == ("kim", "Kim Lee", True)
    again = Client()
    come_back(again, location_of(new_browser(), leave(again), form))
    assert again.session[SESSION_KEY] == str(user.pk)
    refused = Client()
    url = location_of(new_browser(), leave(refused), urlencode({"action": "deny"}).encode())
    assert re.search("error=access_denied", url)
    come_back(refused, url)
    assert "You did not sign in at the provider" in refused.get("/login/").content.decode()
