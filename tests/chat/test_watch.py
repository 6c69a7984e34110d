"""The house looks after its servers by itself: each once in five minutes, and one process alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.utils import timezone

from chat.actions.model import set_models_enabled
from chat.actions.provider import create_provider, record_check, set_provider_enabled
from chat.health import hours_of, note_call, stretch_at
from chat.models import HealthSample, Model, Provider
from chat.watch import check_due, claim_due
from settings_store.models import AuditEvent
from tests.chat.model_server import ModelServer
from tests.fake_model_server import KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(model_server: ModelServer) -> Provider:
    return create_provider(actor=None, name="Server", base_url=model_server.base_url, key=KEY, allow_private=True)


def names(claimed: Iterable[tuple[Provider, object]]) -> list[str]:
    return [provider.name for provider, endpoint in claimed]


def long_ago(provider: Provider) -> None:
    Provider.objects.filter(pk=provider.pk).update(checked_at=stretch_at(timezone.now()) - timedelta(seconds=1))


def test_a_server_nobody_asked_is_due_once(server: Provider) -> None:
    assert names(claim_due()) == ["Server"]
    assert names(claim_due()) == []
    long_ago(server)
    assert names(claim_due()) == ["Server"]


def test_a_server_that_is_talked_with_is_left_alone(server: Provider) -> None:
    long_ago(server)
    note_call(server.pk, ok=True, first_token_ms=5)
    assert claim_due() == []


def test_one_in_trouble_is_asked_whether_it_still_is(server: Provider) -> None:
    record_check(actor=None, provider=server, found=None, trouble="It is silent.")
    long_ago(server)
    note_call(server.pk, ok=True, first_token_ms=5)
    assert names(claim_due()) == ["Server"]


def test_a_busy_one_is_asked_for_its_models_every_hour(server: Provider) -> None:
    note_call(server.pk, ok=True, first_token_ms=5)
    Provider.objects.update(checked_at=timezone.now() - timedelta(minutes=61))
    assert names(claim_due()) == ["Server"]


def test_a_paused_server_is_left_alone(server: Provider) -> None:
    set_provider_enabled(actor=None, provider=server, is_enabled=False)
    assert claim_due() == []


def test_a_key_that_does_not_open_is_trouble_and_no_call(server: Provider) -> None:
    Provider.objects.update(sealed_key=b"from another installation")
    assert claim_due() == []
    assert "cannot be opened" in Provider.objects.get().trouble
    assert not HealthSample.objects.exists()


def test_old_samples_are_forgotten_meanwhile(server: Provider) -> None:
    HealthSample.objects.create(provider=server, began_at=timezone.now() - timedelta(days=2))
    claim_due()
    assert not HealthSample.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_look_finds_what_is_new_and_offers_it_to_nobody_yet(server: Provider) -> None:
    record_check(actor=None, provider=server, found=["good", "vanished"])
    long_ago(server)
    async_to_sync(check_due)()
    assert not Model.objects.get(name="vanished").is_present
    offered = set(Model.objects.usable().values_list("name", flat=True))
    assert offered == {"good"}
    assert Model.objects.filter(is_present=True).count() > 1
    event = AuditEvent.objects.filter(action="provider.checked").latest("sequence")
    assert (event.actor_id, (event.after or {})["gone"]) == (None, ["vanished"])
    assert hours_of([server.pk])[server.pk].calls == 1
    set_models_enabled(actor=None, provider=server, models=list(Model.objects.all()), is_enabled=True)
    assert Model.objects.usable().count() > 1


@pytest.mark.django_db(transaction=True)
def test_the_first_look_at_a_server_offers_all_it_has(server: Provider) -> None:
    async_to_sync(check_due)()
    assert "good" in Model.objects.usable().values_list("name", flat=True)


@pytest.mark.django_db(transaction=True)
def test_a_failing_look_is_counted_and_said() -> None:
    server = create_provider(actor=None, name="Down", base_url="http://127.0.0.1:9/v1", allow_private=True)
    async_to_sync(check_due)()
    server.refresh_from_db()
    assert "cannot be reached" in server.trouble
    assert hours_of([server.pk])[server.pk].failed == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_processes_one_takes_each_server(server: Provider) -> None:
    create_provider(actor=None, name="Second", base_url="https://models.example.com/v1")
    start = threading.Barrier(8)
    taken: list[str] = []

    def look() -> None:
        start.wait()
        taken.extend(names(claim_due()))
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == ["Second", "Server"]
