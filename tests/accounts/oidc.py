"""Identity providers beside tests, and a browser that goes there and back."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener, urlopen

from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from accounts.actions.identity_provider import create_identity_provider, place_of
from accounts.models import IdentityProvider
from accounts.oidc.discovery import forget

ROOT = Path(__file__).resolve().parents[2]


class OidcServer:
    """The misbehaving provider of tests/accounts/oidc_server.py."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"

    def behave(self, **behaviour: Any) -> None:
        self._put("behave", behaviour)

    def change(self, **behaviour: Any) -> None:
        self._put("change", behaviour)

    def seen(self, path: str) -> list[dict[str, str]]:
        with urlopen(f"{self.issuer}/seen") as answer:  # noqa: S310 - our own address
            return [each for each in json.load(answer) if each["path"] == path]

    def _put(self, path: str, behaviour: dict[str, Any]) -> None:
        body = json.dumps(behaviour).encode()
        urlopen(Request(f"{self.issuer}/{path}", body, method="PUT")).close()  # noqa: S310 - our own address


@contextmanager
def running_mock_provider(*options: str) -> Iterator[str]:
    """oidc-provider-mock, by its own command; answers its issuer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "oidc-provider-mock"), "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        said = ""
        # It says so once it listens; where it cannot, its output ends.
        while "running on" not in said:
            line = process.stdout.readline()
            assert line, f"It did not start: {said}"
            said += line
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def running_oidc_server() -> Iterator[OidcServer]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.accounts.oidc_server"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield OidcServer(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def make_provider(issuer: str, slug: str = "house", **fields: Any) -> IdentityProvider:
    """A provider on this machine, as an admin would have entered it, about which nothing is remembered yet."""
    values: dict[str, Any] = {
        "name": "Lindblad",
        "issuer": issuer,
        "client_id": "gatehouse",
        "scopes": "openid email profile",
        "allow_private": True,
        "joining": IdentityProvider.Joining.EVERYBODY,
        "links_by_email": True,
        "role_claim": "",
    }
    provider = create_identity_provider(actor=None, slug=slug, **(values | {"secret": "a secret"} | fields))
    forget(place_of(provider))
    return provider


class StayHere(HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def go_to(url: str) -> str:
    """What a browser does with the address of a provider that asks nothing: the address it is sent back to."""
    return location_of(build_opener(StayHere), url)


def location_of(browser: OpenerDirector, url: str, form: bytes | None = None) -> str:
    """Where the answer to this address, or to a form sent there, sends a browser that does not follow by itself."""
    try:
        browser.open(url, form).close()
    except HTTPError as answer:
        return str(answer.headers["Location"])
    raise AssertionError(f"nobody is sent anywhere by {url}")


def leave(client: Client, slug: str = "house", **query: str) -> str:
    """Begin at the door; answers where the browser is sent."""
    return client.get(reverse("oidc_begin", args=[slug]), query)["Location"]


def come_back(client: Client, url: str) -> HttpResponseBase:
    """Load the address that a provider sent the browser back to."""
    parts = urlsplit(url)
    return client.get(parts.path, dict(parse_qsl(parts.query)))


def sign_in_with(client: Client, slug: str = "house", **query: str) -> HttpResponseBase:
    """All the way there and back."""
    return come_back(client, go_to(leave(client, slug, **query)))


def trouble_at_the_door(client: Client, url: str = "") -> str:
    """The page of the door as text, with the sentence that a failed sign-in left there or put into its address."""
    return client.get(url or reverse("login")).content.decode()
