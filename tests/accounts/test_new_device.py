"""The letter about a sign-in from a device that was not seen before: who gets it, and when there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models.signals import pre_save
from django.test import Client

from accounts.models import Device, User
from settings_store.models import AuditEvent
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(transaction=True)
type Post = Callable[[], list[EmailMessage]]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
COOKIE = settings.DEVICE_COOKIE_NAME


@pytest.fixture
def person() -> User:
    return make_user(username="ana.ruiz", full_name="Ana Ruiz")


def sign_in(person: User, client: Client | None = None) -> Client:
    client = client or Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="10.4.2.18")
    client.post("/login/", {"username": person.username, "password": PASSWORD})
    assert client.get("/profile/").status_code == 200
    return client


def test_the_first_device_is_no_news(person: User, post: Post) -> None:
    sign_in(person)
    assert post() == []


def test_another_one_is_told_with_its_place(person: User, post: Post) -> None:
    sign_in(person, Client())
    sign_in(person)
    (letter,) = post()
    assert letter.to == [person.email]
    assert "Firefox 145 on Linux" in letter.body
    assert "10.4.2.18" in letter.body
    assert "How: password." in letter.body
    assert "/profile/sessions/" in letter.body
    assert [event["new_device"] for event in _signed_in()] == [True, True]


def test_the_same_browser_is_known_again_whatever_it_calls_itself(person: User, post: Post) -> None:
    client = sign_in(person)
    client.post("/logout/")
    client.defaults["HTTP_USER_AGENT"] = "curl/8"
    sign_in(person, client)
    assert post() == []
    assert Device.objects.get().user_agent == "curl/8"


def test_a_cookie_of_somebody_elses_browser_does_not_count(person: User, post: Post) -> None:
    other = make_user()
    theirs, mine = sign_in(other), sign_in(person)
    thief = Client()
    thief.cookies[COOKIE] = theirs.cookies[COOKIE].value
    sign_in(person, thief)
    (letter,) = post()
    assert letter.to == [person.email]
    assert mine.cookies[COOKIE].value != thief.cookies[COOKIE].value
    assert Device.objects.filter(user=other).count() == 1


@pytest.mark.parametrize("odd", ["x", "", "a" * 5000, "\xff\xfe", '"<script>'])
def test_an_invented_cookie_is_not_taken_over(person: User, post: Post, odd: str) -> None:
    client = Client()
    client.cookies[COOKIE] = odd
    sign_in(person, client)
    assert client.cookies[COOKIE].value != odd
    assert len(client.cookies[COOKIE].value) == 43


def test_two_people_at_one_browser_are_each_known(person: User, post: Post) -> None:
    other = make_user()
    client = sign_in(person)
    client.post("/logout/")
    sign_in(other, client)
    client.post("/logout/")
    sign_in(person, client)
    assert post() == []
    assert Device.objects.count() == 2


def _signed_in() -> list[dict[str, object]]:
    return [event.after or {} for event in AuditEvent.objects.filter(action="session.signed_in").order_by("sequence")]


def test_two_sign_ins_at_once_in_one_browser_both_get_in(person: User) -> None:
    """A browser that another person signed in with brings a token that two sign-ins would both take over."""
    client = sign_in(make_user())

    def other_one(instance: Device, **_: object) -> None:
        pre_save.disconnect(other_one, sender=Device)
        Device.objects.bulk_create([Device(user=person, token_hash=instance.token_hash)])

    pre_save.connect(other_one, sender=Device)
    sign_in(person, client)
    assert Device.objects.filter(user=person).count() == 1
