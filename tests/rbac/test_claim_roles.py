"""Roles by the claims of an identity provider: given, taken, and mapped only by who could give them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actions.identity_provider import delete_identity_provider, update_identity_provider
from accounts.models import Identity, IdentityProvider, User
from accounts.oidc.claims import values_at
from accounts.signals import identity_claims
from rbac.actions import assign_role, create_role
from rbac.actions.claims import map_claim, unmap_claim
from rbac.models import Assignment, ClaimRole
from rbac.role_map import changing_roles
from settings_store.models import AuditEvent
from tests.accounts.oidc import OidcServer, make_provider, running_oidc_server, sign_in_with
from tests.factories import client_of, make_user, role_named
from ui.guard import STEP_UP_SESSION_KEY


@pytest.fixture(scope="module")
def _server() -> Iterator[OidcServer]:
    with running_oidc_server() as server:
        yield server


@pytest.fixture
def oidc_server(_server: OidcServer) -> OidcServer:
    _server.behave()
    return _server


@pytest.fixture
def provider(db: None) -> IdentityProvider:
    return make_provider("https://sso.example.org", allow_private=False, role_claim="groups")


def confirm(user: User, provider: IdentityProvider, *values: str) -> None:
    identity_claims.send(sender=Identity, user=user, provider=provider, values=frozenset(values))


def held(user: User) -> set[str]:
    return set(Assignment.objects.counting().filter(user=user).values_list("role__name_key", flat=True))


def test_claims_give_and_take(provider: IdentityProvider) -> None:
    person = make_user()
    for value, role in (("staff", "viewer"), ("ops", "operator"), ("ops", "supervisor")):
        map_claim(actor=None, provider=provider, value=value, role=role_named(role))
    confirm(person, provider, "staff", "ops", "unknown")
    assert held(person) == {"user", "viewer", "operator", "supervisor"}
    event = AuditEvent.objects.filter(action="role.assigned").latest("sequence")
    assert (event.actor_name, event.reason) == ("system", "By the claims of Lindblad")
    confirm(person, provider, "staff")
    assert held(person) == {"user", "viewer"}
    count = AuditEvent.objects.count()
    confirm(person, provider, "staff")
    assert AuditEvent.objects.count() == count
    confirm(person, provider)
    assert held(person) == {"user"}
    confirm(person, provider, "ops")
    assert held(person) == {"user", "operator", "supervisor"}


def test_values_are_told_apart_letter_by_letter(provider: IdentityProvider) -> None:
    for value in ("staff", "Staff", "staff "):
        map_claim(actor=None, provider=provider, value=value, role=role_named("viewer"))
    with pytest.raises(ValidationError, match="already"):
        map_claim(actor=None, provider=provider, value="Staff", role=role_named("viewer"))


def test_the_page_costs_the_same_for_many_values(provider: IdentityProvider) -> None:
    browser, counts = client_of(make_user(role="admin")), []
    for number in range(6):
        map_claim(actor=None, provider=provider, value=f"v{number}", role=role_named("viewer"))
        if number in {0, 5}:
            # Once before, for what a process reads once.
            browser.get(reverse("rbac:claim_roles", args=[provider.slug]))
            with CaptureQueriesContext(connection) as asked:
                assert browser.get(reverse("rbac:claim_roles", args=[provider.slug])).status_code == 200
            counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_sign_in_follows_the_claims(oidc_server: OidcServer, client: Client, db: None) -> None:
    provider = make_provider(oidc_server.issuer, role_claim="realm_access.roles")
    role_named("user")
    map_claim(actor=None, provider=provider, value="ops", role=role_named("operator"))
    oidc_server.behave(claims={"realm_access": {"roles": ["ops", "other"]}})
    sign_in_with(client)
    user = User.objects.get()
    assert held(user) == {"user", "operator"}
    assert client.get("/settings/").status_code == 200
    oidc_server.behave(claims={"realm_access": {"roles": []}})
    sign_in_with(Client())
    assert held(user) == {"user"}
    assert client.get("/settings/").status_code == 403


def test_the_claim_may_come_by_the_other_answer(oidc_server: OidcServer, client: Client, db: None) -> None:
    provider = make_provider(oidc_server.issuer, role_claim="groups")
    map_claim(actor=None, provider=provider, value="ops", role=role_named("operator"))
    oidc_server.behave(person={"groups": ["ops"]})
    sign_in_with(client)
    assert "operator" in held(User.objects.get())


def test_a_role_that_asks_for_a_factor_asks_at_once(oidc_server: OidcServer, client: Client, db: None) -> None:
    provider = make_provider(oidc_server.issuer, role_claim="groups")
    role = role_named("operator")
    with changing_roles():
        role.requires_factor = True
        role.save()
    map_claim(actor=None, provider=provider, value="ops", role=role)
    oidc_server.behave(claims={"groups": "ops"})
    sign_in_with(client)
    assert client.get("/settings/")["Location"].startswith(reverse("factor_due"))


def test_what_was_given_by_hand_is_never_touched(provider: IdentityProvider) -> None:
    person = make_user(role="operator")
    map_claim(actor=None, provider=provider, value="ops", role=role_named("operator"))
    confirm(person, provider, "ops")
    confirm(person, provider)
    assert held(person) == {"operator"}
    assert Assignment.objects.get().provider is None


def test_given_by_hand_afterwards_it_stays(provider: IdentityProvider) -> None:
    person = make_user(role=None)
    map_claim(actor=None, provider=provider, value="ops", role=role_named("operator"))
    confirm(person, provider, "ops")
    assert Assignment.objects.get().provider == provider
    assign_role(actor=make_user(role="admin"), user=person, role=role_named("operator"), reason="For good")
    confirm(person, provider)
    assert held(person) == {"operator"}


def test_what_another_provider_gave_stays(provider: IdentityProvider) -> None:
    person = make_user(role=None)
    other = make_provider("https://other.example.org", slug="other", allow_private=False)
    for each in (provider, other):
        map_claim(actor=None, provider=each, value="ops", role=role_named("operator"))
    confirm(person, other, "ops")
    confirm(person, provider)
    assert held(person) == {"operator"}
    confirm(person, other)
    assert held(person) == set()


def test_a_mapping_that_is_gone_takes_at_the_next_sign_in(provider: IdentityProvider) -> None:
    person = make_user(role=None)
    row = map_claim(actor=None, provider=provider, value="ops", role=role_named("operator"))
    confirm(person, provider, "ops")
    unmap_claim(actor=None, claim_role=row)
    confirm(person, provider, "ops")
    assert held(person) == set()


def test_the_last_admin_stays(provider: IdentityProvider) -> None:
    person = make_user(role=None)
    map_claim(actor=None, provider=provider, value="chief", role=role_named("admin"))
    confirm(person, provider, "chief")
    confirm(person, provider)
    assert held(person) == {"admin"}
    make_user(role="admin")
    confirm(person, provider)
    assert held(person) == set()


def test_a_deleted_provider_takes_what_it_gave(provider: IdentityProvider) -> None:
    person = make_user()
    map_claim(actor=None, provider=provider, value="ops", role=role_named("operator"))
    confirm(person, provider, "ops")
    delete_identity_provider(actor=None, provider=provider, people=0)
    assert held(person) == {"user"}
    assert not ClaimRole.objects.exists()


@pytest.mark.parametrize(
    ("claims", "path", "expected"),
    [
        ({"groups": ["a", "b"]}, "groups", {"a", "b"}),
        ({"groups": "a b"}, "groups", {"a", "b"}),
        ({"groups": "a,b c, d"}, "groups", {"a", "b c", "d"}),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"https://example.org/roles": ["a"]}, "https://example.org/roles", {"a"}),
        ({"groups": ["Not Admin"]}, "groups", {"Not Admin"}),
        ({"groups": ["a", 7, None, {"a": 1}, ["b"], "", "x" * 201]}, "groups", {"a"}),
        ({"groups": {"a": True}}, "groups", set()),
        ({"groups": 7}, "groups", set()),
        ({"groups": "a"}, "groups.deeper", set()),
        ({"groups": ["a"]}, "", set()),
        ({"groups": [f"g{number}" for number in range(5000)]}, "groups", {f"g{number}" for number in range(500)}),
    ],
)
def test_what_a_claim_bears(claims: dict[str, object], path: str, expected: set[str]) -> None:
    assert values_at(claims, path) == expected


def limited_admin() -> User:
    """Somebody of rank 50 who may set up providers and looks after people, and is no admin."""
    role = create_role(
        actor=None,
        name="Sign-in keeper",
        description="",
        priority=50,
        parent=role_named("user"),
        permissions=frozenset({"identities.read", "identities.write", "roles.read"}),
    )
    person = make_user(role=None)
    Assignment.objects.create(user=person, role=role)
    return User.objects.get(pk=person.pk)


def test_nobody_maps_what_they_could_not_give(provider: IdentityProvider) -> None:
    keeper = limited_admin()
    for role in ("admin", "manager", "operator"):
        with pytest.raises(PermissionDenied):
            map_claim(actor=keeper, provider=provider, value="x", role=role_named(role))
    map_claim(actor=keeper, provider=provider, value="x", role=role_named("user"))
    row = map_claim(actor=None, provider=provider, value="chief", role=role_named("admin"))
    with pytest.raises(PermissionDenied):
        unmap_claim(actor=keeper, claim_role=row)
    assert ClaimRole.objects.count() == 2


def test_nor_moves_a_provider_whose_claims_give_more(provider: IdentityProvider) -> None:
    keeper = limited_admin()
    map_claim(actor=None, provider=provider, value="chief", role=role_named("admin"))
    fields: dict[str, Any] = {
        "name": "Mine",
        "issuer": provider.issuer,
        "client_id": "mine",
        "scopes": "openid",
        "allow_private": False,
        "joining": "everybody",
        "links_by_email": True,
        "role_claim": "mine",
    }
    with pytest.raises(ValidationError):
        update_identity_provider(actor=keeper, provider=provider, **fields)
    update_identity_provider(actor=make_user(role="admin"), provider=provider, **fields)


@pytest.fixture
def as_admin(db: None) -> Client:
    client = client_of(make_user(role="admin"))
    session = client.session
    session[STEP_UP_SESSION_KEY] = time.time()
    session.save()
    return client


def test_the_pages_map_and_unmap(provider: IdentityProvider, as_admin: Client) -> None:
    url, new = "/identity-providers/house/roles/", "/identity-providers/house/roles/new/"
    assert "No claim gives a role" in as_admin.get(url).content.decode()
    role = role_named("operator")
    assert as_admin.post(new, {"value": "", "role": ""}).status_code == 422
    assert as_admin.post(new, {"value": "x" * 201, "role": role.pk}).status_code == 422
    assert as_admin.post(new, {"value": "ops", "role": 10**30}).status_code == 422
    assert as_admin.post(new, {"value": "<ops>", "role": role.pk})["Location"] == url
    again = as_admin.post(new, {"value": "<ops>", "role": role.pk})
    assert again.status_code == 422
    assert "gives that role already" in again.content.decode()
    page = as_admin.get(url).content.decode()
    assert "&lt;ops&gt;" in page
    row = ClaimRole.objects.get()
    assert as_admin.post(f"{url}{row.pk}/remove/")["Location"] == url
    assert as_admin.post(f"{url}{row.pk}/remove/").status_code == 404
    assert {"claim_role.mapped", "claim_role.unmapped"} <= set(AuditEvent.objects.values_list("action", flat=True))


def test_the_mapping_of_one_provider_is_not_reached_by_another(provider: IdentityProvider, as_admin: Client) -> None:
    make_provider("https://other.example.org", slug="other", allow_private=False)
    row = map_claim(actor=None, provider=provider, value="ops", role=role_named("operator"))
    assert as_admin.post(f"/identity-providers/other/roles/{row.pk}/remove/").status_code == 404


def test_without_the_right_nothing_is_seen(provider: IdentityProvider) -> None:
    client = client_of(make_user(role="manager"))
    assert client.get("/identity-providers/house/roles/").status_code == 403
    assert client.post("/identity-providers/house/roles/new/").status_code == 403
