from __future__ import annotations

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actions.factor import mark_session
from accounts.models import Session, User
from accounts.sessions import SessionStore, hashed
from tests.accounts.conftest import Trail
from tests.accounts.factors import give_app, proved_client
from tests.factories import client_of, make_user
from ui.devices import device_in_words

# The same in every worker of a run, or they would not agree on what there is to run.
NOBODY = "0c1d2e3f-0000-4000-8000-00000000f00d"

URL = "/profile/sessions/"


def session_of(client: Client) -> Session:
    return Session.objects.get(pk=hashed(client.cookies["gatehouse-session"].value))


def test_only_the_own_ones_are_listed_and_this_one_is_marked(person: User) -> None:
    client = client_of(person)
    client_of(person)
    client_of(make_user())
    page = client.get(URL)
    assert [row.user_id for row in page.context["sessions"]] == [person.pk, person.pk]
    assert page.content.decode().count("this one") == 1
    assert client.cookies["gatehouse-session"].value not in page.content.decode()


def test_one_is_signed_out(person: User, trail: Trail) -> None:
    client, other = client_of(person), client_of(person)
    assert client.post(f"{URL}{session_of(other).public_id}/revoke/")["Location"] == URL
    assert other.get(URL).status_code == 302
    assert client.get(URL).status_code == 200
    (event,) = trail.events
    assert (event.action, event.actor_id, event.target_id) == ("session.revoked", person.pk, str(person.public_id))


def test_this_one_is_signed_out_too(person: User) -> None:
    client = client_of(person)
    assert client.post(f"{URL}{session_of(client).public_id}/revoke/")["Location"] == "/login/"
    assert client.get(URL).status_code == 302


def test_all_others_are_signed_out(person: User, trail: Trail) -> None:
    client, others = client_of(person), [client_of(person), client_of(person)]
    stranger = client_of(make_user())
    client.post(f"{URL}others/revoke/")
    assert [other.get(URL).status_code for other in others] == [302, 302]
    assert client.get(URL).status_code == 200
    assert stranger.get(URL).status_code == 200
    client.post(f"{URL}others/revoke/")
    assert trail.actions == ["session.revoked"]


def test_somebody_elses_session_is_not_there(person: User) -> None:
    stranger = client_of(make_user())
    answer = client_of(person).post(f"{URL}{session_of(stranger).public_id}/revoke/")
    assert answer.status_code == 404
    assert stranger.get(URL).status_code == 200


@pytest.mark.parametrize("path", [f"{NOBODY}/revoke/", "0/revoke/", "%00/revoke/", "others/"])
def test_odd_addresses_are_404(as_person: Client, path: str) -> None:
    assert as_person.post(f"{URL}{path}").status_code == 404


def test_links_sign_nobody_out(person: User) -> None:
    client = client_of(person)
    assert client.get(f"{URL}{session_of(client).public_id}/revoke/").status_code == 405
    assert client.get(f"{URL}others/revoke/").status_code == 405


def test_many_sessions_cost_no_more_queries(person: User) -> None:
    client = client_of(person)
    client.get(URL)
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    for _ in range(20):
        client_of(person)
    with CaptureQueriesContext(connection) as many:
        client.get(URL)
    assert len(many) == len(few) == 3


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox 145 on Linux"),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 "
                "Safari/537.36 Edg/146.0.3856.62"
            ),
            "Edge 146 on Windows",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/19.1 Mobile/15E148 Safari/604.1"
            ),
            "Safari 19 on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 "
                "Mobile Safari/537.36"
            ),
            "Chrome 146 on Android",
        ),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/18.2 Safari/605.1.15"
            ),
            "Safari 18 on macOS",
        ),
        ("curl/8.9.1", "curl 8"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
    ],
)
def test_devices_in_words(agent: str, words: str) -> None:
    assert device_in_words(agent) == words


def test_a_later_proof_does_not_change_with_what_somebody_came_in(person: User) -> None:
    client = proved_client(person, give_app(person))
    request = HttpRequest()
    request.session = SessionStore(client.cookies["gatehouse-session"].value)
    request.user = person
    mark_session(request, person, factor="passkey")
    session = Session.objects.get(user=person)
    assert session.get_decoded()["factor"] == "app"
