from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Device, RecoveryCode, User
from tests.accounts.conftest import Trail
from tests.accounts.factors import ask_of_role, give_app, give_codes, proved_client, set_value
from tests.accounts.test_impersonation import fresh
from tests.factories import client_of, make_user

URL = "/profile/security/"


def remembered(user: User, letter: str = "d") -> Device:
    return Device.objects.create(
        user=user,
        token_hash=letter * 64,
        user_agent="",
        trusted_since=timezone.now(),
        trusted_until=timezone.now() + timedelta(days=9),
    )


def page(client: Client) -> str:
    return client.get(URL).content.decode()


def test_it_says_what_there_is_and_offers_what_there_is_not(as_person: Client, person: User) -> None:
    empty = page(as_person)
    assert "/profile/security/app/" in empty
    assert "Recovery codes" not in empty
    give_app(person)
    give_codes(person)
    full = page(as_person)
    assert "Replace…" in full
    assert "/profile/security/app/remove/" in full
    assert "10 left" in full


def test_few_codes_are_marked(as_person: Client, person: User) -> None:
    give_app(person)
    give_codes(person)
    keep = RecoveryCode.objects.values_list("pk", flat=True)[:3]
    RecoveryCode.objects.exclude(pk__in=list(keep)).delete()
    assert '<span class="badge warn">' in page(as_person)


def test_passwords_kept_elsewhere_are_not_changed_here(as_person: Client) -> None:
    assert 'href="/password/"' in page(as_person)
    set_value("accounts.password.elsewhere", "example.org")
    assert "are kept elsewhere" in page(as_person)


def test_a_device_is_forgotten(as_person: Client, person: User, trail: Trail) -> None:
    device = remembered(person)
    url = f"/profile/security/devices/{device.public_id}/forget/"
    assert url in page(as_person)
    for _ in range(2):
        assert as_person.post(url)["Location"] == URL
    assert not Device.objects.trusted().exists()
    assert trail.actions == ["device.forgotten"]


def test_all_are_forgotten(as_person: Client, person: User, trail: Trail) -> None:
    remembered(person)
    remembered(person, "e")
    as_person.post("/profile/security/devices/forget/")
    assert not Device.objects.trusted().exists()
    (event,) = trail.events
    assert (event.action, event.before) == ("device.forgotten", {"devices": 2})


def test_a_device_of_somebody_else_is_not_there(as_person: Client) -> None:
    device = remembered(make_user())
    assert as_person.post(f"/profile/security/devices/{device.public_id}/forget/").status_code == 404
    assert Device.objects.trusted().exists()


@pytest.mark.parametrize("path", ["devices/forget/", "devices/00000000-0000-4000-8000-000000000000/forget/"])
def test_looking_changes_nothing(as_person: Client, path: str) -> None:
    assert as_person.get(f"{URL}{path}").status_code == 405


def test_a_stranger_is_sent_to_the_door(client: Client, db: None) -> None:
    assert client.get(URL)["Location"].startswith("/login/")


def test_ones_own_page_alone(person: User, admin: User) -> None:
    give_app(person)
    assert "Replace…" not in page(client_of(admin))


def test_a_role_that_asks_is_named_also_where_the_last_factor_would_go(person: User) -> None:
    app = give_app(person)
    client = fresh(proved_client(person, app))
    assert "asks for a second factor" not in page(client)
    assert "your password alone lets you in" in client.get(f"{URL}app/remove/").content.decode()
    ask_of_role(person)
    assert "Your role User asks for a second factor: " in page(client)
    removing = client.get(f"{URL}app/remove/").content.decode()
    assert "this is your only one" in removing
    assert "your password alone" not in removing


def test_whoever_acts_as_somebody_is_offered_nothing_that_only_these_may_do(person: User, as_admin: Client) -> None:
    give_app(person)
    give_codes(person)
    remembered(person)
    assert (
        fresh(as_admin)
        .post(f"/users/{person.public_id}/act-as/", {"reason": "ticket 4711, asked by phone"})
        .status_code
        == 302
    )
    shown = page(as_admin)
    assert "Only Ana Ruiz can change" in shown
    main = shown.partition("<main")[2].partition("</main>")[0]
    assert "<form" not in main
    assert "/profile/security/app/" not in main
    assert 'href="/password/"' not in main
