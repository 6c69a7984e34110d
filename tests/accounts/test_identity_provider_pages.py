"""The pages of identity providers: who sees and changes them, what they keep to themselves, what they refuse."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actions.identity_provider import client_of
from accounts.models import Identity, IdentityProvider, User
from settings_store.models import AuditEvent
from tests.accounts.conftest import Trail
from tests.accounts.oidc import OidcServer, make_provider
from tests.factories import make_user
from ui.guard import STEP_UP_SESSION_KEY

LIST = "/identity-providers/"
NEW = "/identity-providers/new/"
PAGE = "/identity-providers/house/"
EDIT = "/identity-providers/house/edit/"
DELETE = "/identity-providers/house/delete/"


@pytest.fixture
def fresh_admin(as_admin: Client) -> Client:
    session = as_admin.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    return as_admin


def entered(address: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Lindblad",
        "slug": "house",
        "issuer": address,
        "client_id": "gatehouse",
        "secret": "a secret",
        "scopes": "openid email",
        "allow_private": "on",
        "joining": "nobody",
        "role_claim": "groups",
    } | changes


def test_without_any_it_says_what_to_enter_where(as_admin: Client) -> None:
    page = as_admin.get(LIST).content.decode()
    assert "redirect address" in page
    assert "Add a provider" in page


def test_one_is_added_and_asked_at_once(fresh_admin: Client, oidc_server: OidcServer, trail: Trail) -> None:
    answer = fresh_admin.post(NEW, entered(oidc_server.issuer))
    assert answer["Location"] == PAGE
    provider = IdentityProvider.objects.get()
    assert (provider.slug, provider.scopes, provider.role_claim) == ("house", "openid email", "groups")
    assert client_of(provider).secret == "a secret"
    page = fresh_admin.get(PAGE).content.decode()
    assert "http://testserver/login/with/house/back/" in page
    assert "signs with 3 keys" in page
    event = trail.events[-1]
    assert event.action == "identity_provider.created"
    assert "a secret" not in str(event.after)
    assert "house" in fresh_admin.get(LIST).content.decode()


def test_its_secret_is_never_shown(fresh_admin: Client, oidc_server: OidcServer) -> None:
    fresh_admin.post(NEW, entered(oidc_server.issuer, secret="hunter-two-secret"))
    wrong = fresh_admin.post(NEW, entered("no address", slug="other", secret="hunter-two-secret"))
    assert wrong.status_code == 422
    pages = [fresh_admin.get(url) for url in (LIST, PAGE, EDIT, f"{PAGE}history/", DELETE)]
    assert all(page.status_code == 200 for page in pages)
    assert not any(b"hunter-two-secret" in page.content for page in [*pages, wrong])
    assert not any("hunter-two-secret" in str((each.before, each.after)) for each in AuditEvent.objects.all())


def test_the_issuer_is_looked_at_before_anything_is_saved(fresh_admin: Client, oidc_server: OidcServer) -> None:
    answer = fresh_admin.post(NEW, entered(oidc_server.issuer, check="1", name=""))
    page = answer.content.decode()
    assert "It answers, and signs with 3 keys" in page
    assert f"{oidc_server.issuer}/authorize" in page
    oidc_server.behave(metadata={"issuer": "https://elsewhere.example"})
    page = fresh_admin.post(NEW, entered(oidc_server.issuer, check="1")).content.decode()
    assert "another issuer than the one entered here" in page
    page = fresh_admin.post(NEW, entered(oidc_server.issuer, check="1", allow_private="")).content.decode()
    assert "private network" in page
    assert fresh_admin.post(NEW, {"check": "1"}).status_code == 422
    assert not IdentityProvider.objects.exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"issuer": "sso.example.org"}, "http:// or https://"),
        ({"issuer": "http://sso.example.org", "allow_private": ""}, "https://, unless"),
        ({"issuer": "https://127.0.0.1", "allow_private": ""}, "private network"),
        ({"issuer": "https://sso.example.org/?a=1"}, "question mark"),
        ({"issuer": "https://sso.example.org/" + "x" * 500}, "at most"),
        ({"scopes": "email"}, "must be among them"),
        ({"scopes": 'openid "quoted"'}, "space between them"),
        ({"slug": "new"}, "means something else"),
        ({"slug": "password"}, "means something else"),
        ({"slug": "recovery"}, "means something else"),
        ({"slug": "device"}, "means something else"),
        ({"slug": "a b"}, "slug"),
        ({"joining": "whoever"}, "valid choice"),
        ({"client_id": "ключ"}, "ASCII"),
        ({"secret": "ключ"}, "ASCII"),
        ({"name": ""}, "required"),
        ({"name": "n" * 81}, "At most 80"),
    ],
)
def test_bad_input_is_told_at_its_field(fresh_admin: Client, changes: dict[str, str], sentence: str) -> None:
    answer = fresh_admin.post(NEW, entered("https://sso.example.org", **changes))
    assert answer.status_code == 422
    assert sentence.lower() in answer.content.decode().lower()
    assert not IdentityProvider.objects.exists()


def test_two_do_not_share_a_short_name(fresh_admin: Client, oidc_server: OidcServer) -> None:
    make_provider(oidc_server.issuer)
    answer = fresh_admin.post(NEW, entered(oidc_server.issuer))
    assert answer.status_code == 422
    assert "Another provider has this short name" in answer.content.decode()


def test_an_edit_keeps_the_secret_and_tells_what_changed(
    fresh_admin: Client, oidc_server: OidcServer, trail: Trail
) -> None:
    provider = make_provider(oidc_server.issuer)
    form = entered(oidc_server.issuer, secret="", name="Renamed", scopes="openid email profile", role_claim="")
    fresh_admin.post(EDIT, {**form, "joining": "everybody", "links_by_email": "on", "slug": "moved"})
    provider.refresh_from_db()
    assert (provider.name, provider.slug, client_of(provider).secret) == ("Renamed", "house", "a secret")
    event = AuditEvent.objects.get(action="identity_provider.updated")
    assert (event.before, event.after) == ({"name": "Lindblad"}, {"name": "Renamed"})
    fresh_admin.post(EDIT, {**form, "secret": "", "remove_secret": "on"})
    provider.refresh_from_db()
    assert client_of(provider).secret == ""


def test_a_kept_secret_is_not_sent_to_another_issuer(fresh_admin: Client, oidc_server: OidcServer) -> None:
    provider = make_provider(oidc_server.issuer)
    form = entered("https://elsewhere.example", secret="")
    answer = fresh_admin.post(EDIT, form)
    assert answer.status_code == 422
    assert "another issuer" in answer.content.decode()
    fresh_admin.post(EDIT, form | {"secret": "new", "issuer": f"{oidc_server.issuer}/"})
    provider.refresh_from_db()
    assert client_of(provider).secret == "new"


def test_the_issuer_stays_once_somebody_is_connected(fresh_admin: Client, oidc_server: OidcServer) -> None:
    provider = make_provider(oidc_server.issuer)
    Identity.objects.create(user=make_user(), provider=provider, subject="1")
    answer = fresh_admin.post(EDIT, entered("https://elsewhere.example", secret="new"))
    assert answer.status_code == 422
    assert "1 person is connected at this issuer" in answer.content.decode()


def test_switched_off_and_on(fresh_admin: Client, oidc_server: OidcServer, trail: Trail) -> None:
    provider = make_provider(oidc_server.issuer)
    for wanted, state in (("0", False), ("0", False), ("1", True)):
        fresh_admin.post(f"{PAGE}toggle/", {"enabled": wanted})
        provider.refresh_from_db()
        assert provider.is_enabled == state
    assert trail.actions.count("identity_provider.updated") == 2


def test_checking_notes_how_it_stands(fresh_admin: Client, oidc_server: OidcServer) -> None:
    provider = make_provider(oidc_server.issuer)
    oidc_server.behave(document={"status": 500})
    fresh_admin.post(f"{PAGE}check/")
    provider.refresh_from_db()
    assert "status 500" in provider.trouble
    assert "status 500" in fresh_admin.get(PAGE).content.decode()
    oidc_server.behave()
    fresh_admin.post(f"{PAGE}check/")
    provider.refresh_from_db()
    assert provider.trouble == ""


def test_deleting_names_who_loses_it(fresh_admin: Client, oidc_server: OidcServer, trail: Trail) -> None:
    provider = make_provider(oidc_server.issuer)
    Identity.objects.create(user=make_user(), provider=provider, subject="1")
    Identity.objects.create(user=make_user(password=None), provider=provider, subject="2")
    page = fresh_admin.get(DELETE).content.decode()
    assert "2 people lose this way to sign in" in page
    assert "1 of them has no password" in page
    assert fresh_admin.post(DELETE, {"people": "2", "confirm": "lindblad"}).status_code == 422
    stale = fresh_admin.post(DELETE, {"people": "1", "confirm": "Lindblad"})
    assert stale.status_code == 422
    assert "the number of people has changed" in stale.content.decode()
    assert 'name="people" value="2"' in stale.content.decode()
    assert fresh_admin.post(DELETE, {"people": "2", "confirm": "Lindblad"})["Location"] == LIST
    assert not IdentityProvider.objects.exists()
    assert not Identity.objects.exists()
    assert User.objects.count() == 3
    assert trail.events[-1].action == "identity_provider.deleted"
    assert trail.events[-1].before is not None
    assert trail.events[-1].before["people"] == 2


def test_others_see_and_change_nothing(oidc_server: OidcServer, as_person: Client, as_manager: Client) -> None:
    make_provider(oidc_server.issuer)
    for client in (as_person, as_manager):
        for url in (LIST, NEW, PAGE, EDIT, DELETE, f"{PAGE}history/"):
            assert client.get(url).status_code == 403
            assert client.post(url).status_code in {403, 405}
    assert IdentityProvider.objects.get().is_enabled


@pytest.mark.parametrize("url", [NEW, EDIT, DELETE, f"{PAGE}toggle/"])
def test_changes_ask_for_a_fresh_proof(oidc_server: OidcServer, as_admin: Client, url: str) -> None:
    make_provider(oidc_server.issuer)
    assert as_admin.post(url)["Location"].startswith(reverse("step_up"))


def test_the_list_asks_the_same_however_many_there_are(oidc_server: OidcServer, as_admin: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            as_admin.get(LIST)
        return len(asked)

    make_provider(oidc_server.issuer)
    # The first page of all notes that somebody is there.
    queries()
    few = queries()
    for number in range(5):
        make_provider(oidc_server.issuer, slug=f"more-{number}")
    assert queries() == few


def test_a_secret_that_was_typed_before_a_check_is_not_lost_unsaid(
    fresh_admin: Client, oidc_server: OidcServer
) -> None:
    page = fresh_admin.post(NEW, entered(oidc_server.issuer, check="1")).content.decode()
    assert 'name="was_lost"' in page
    assert "a secret" not in page
    again = entered(oidc_server.issuer, was_lost="1", secret="")
    refused = fresh_admin.post(NEW, again)
    assert refused.status_code == 422
    assert "Give the secret once more, or" in refused.content.decode()
    assert not IdentityProvider.objects.exists()
    assert fresh_admin.post(NEW, again | {"without_secret": "on"}).status_code == 302
    assert client_of(IdentityProvider.objects.get()).secret == ""


def test_a_new_secret_that_was_lost_does_not_leave_the_old_one_unsaid(
    fresh_admin: Client, oidc_server: OidcServer
) -> None:
    fresh_admin.post(NEW, entered(oidc_server.issuer))
    assert 'name="was_lost"' in fresh_admin.post(EDIT, entered(oidc_server.issuer, name="")).content.decode()
    again = entered(oidc_server.issuer, was_lost="1", secret="")
    assert fresh_admin.post(EDIT, again).status_code == 422
    assert fresh_admin.post(EDIT, again | {"without_secret": "on"}).status_code == 302
    assert client_of(IdentityProvider.objects.get()).secret == "a secret"
    assert fresh_admin.post(EDIT, again | {"secret": "another"}).status_code == 302
    assert client_of(IdentityProvider.objects.get()).secret == "another"


def test_with_a_script_the_check_leaves_the_form_as_it_is(fresh_admin: Client, oidc_server: OidcServer) -> None:
    def check(**changes: Any) -> str:
        answer = fresh_admin.post(
            NEW, entered(oidc_server.issuer, check="1", **changes), headers={"HX-Request": "true"}
        )
        assert answer.status_code == 200
        page: str = answer.content.decode()
        assert "<form" not in page
        return page

    assert "It answers, and signs with 3 keys" in check()
    assert "http:// or https://" in check(issuer="nowhere")
