"""The order in which people choose from models, as somebody puts it."""

from __future__ import annotations

import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from chat.actions.model import ModelFacts, move_model, update_model
from chat.actions.provider import create_provider, record_check, register_local_model
from chat.choices import usable_models
from chat.models import Model
from settings_store.models import AuditEvent
from tests.factories import client_of, make_user

# No row has it; written out, so that every worker calls the test by the same name.
NOBODY = "7b1d1f0e-0000-4000-8000-000000000000"

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return client_of(make_user(role="operator"))


@pytest.fixture
def models() -> dict[str, Model]:
    for server, names in (("East", ["a", "c"]), ("West", ["b", "d"])):
        provider = create_provider(actor=None, name=server, base_url="https://models.example.com/v1")
        record_check(actor=None, provider=provider, found=names)
    return {model.name: model for model in Model.objects.select_related("provider")}


def order() -> str:
    return "".join(usable_models().values_list("name", flat=True))


def move(client: Client, model: Model, before: Model | None) -> str:
    url = f"/models/{model.provider.public_id}/models/{model.public_id}/move/"
    response = client.post(url, {"before": str(before.public_id) if before else ""}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_a_model_goes_where_it_is_put_among_those_of_all_servers(client: Client, models: dict[str, Model]) -> None:
    assert order() == "acbd"
    move(client, models["d"], models["a"])
    assert order() == "dacb"
    move(client, models["d"], models["b"])
    assert order() == "acdb"
    move(client, models["a"], None)
    assert order() == "cdba"
    places = [(event.before, event.after) for event in AuditEvent.objects.filter(action="model.moved")]
    assert ({"place": 4}, {"place": 1}) in places


def test_sent_twice_it_stays_where_it_was_put(client: Client, models: dict[str, Model]) -> None:
    for _press in range(2):
        move(client, models["b"], models["c"])
    assert order() == "abcd"
    assert AuditEvent.objects.filter(action="model.moved").count() == 1


def test_the_buttons_of_the_page_do_what_they_say(client: Client, models: dict[str, Model]) -> None:
    lines = client.get("/models/order/").context["lines"]
    assert "".join(line.model.name for line in lines) == "acbd"
    third = lines[2]
    by_id = {str(model.public_id): model for model in models.values()}
    assert (by_id[third.first].name, by_id[third.above].name, third.below) == ("a", "c", "")
    move(client, third.model, by_id[third.above])
    assert order() == "abcd"
    move(client, models["a"], by_id[client.get("/models/order/").context["lines"][0].below])
    assert order() == "bacd"


def test_what_is_not_offered_keeps_its_place_beside_the_others(client: Client, models: dict[str, Model]) -> None:
    Model.objects.filter(name="c").update(is_enabled=False)
    move(client, models["d"], models["b"])
    assert order() == "adb"
    Model.objects.filter(name="c").update(is_enabled=True)
    assert order() == "acdb"


def test_the_demo_model_comes_last_whatever_is_done(client: Client, models: dict[str, Model]) -> None:
    demo = register_local_model(base_url="http://127.0.0.1:8100/v1", key="a", models=["z"]).models.get()
    move(client, demo, models["a"])
    assert order() == "acbdz"
    assert demo.name not in [line.model.name for line in client.get("/models/order/").context["lines"]]


def test_new_models_come_after_those_that_were_put_in_order(client: Client, models: dict[str, Model]) -> None:
    move(client, models["d"], models["a"])
    record_check(actor=None, provider=models["a"].provider, found=["0", "a", "c"])
    assert order() == "dacb0"


@pytest.mark.parametrize("named", [NOBODY, "nonsense", "\0", "1" * 5000])
def test_a_neighbour_that_is_gone_is_a_sentence(client: Client, models: dict[str, Model], named: str) -> None:
    model = models["d"]
    url = f"/models/{model.provider.public_id}/models/{model.public_id}/move/"
    page = client.post(url, {"before": named}, follow=True).content.decode()
    assert "was deleted in the meantime" in page
    assert order() == "acbd"


def test_a_model_that_is_gone_is_a_sentence(models: dict[str, Model]) -> None:
    Model.objects.filter(name="d").delete()
    with pytest.raises(ValidationError, match="deleted in the meantime"):
        move_model(actor=None, model=models["d"], before=models["a"])


def test_who_may_only_read_sees_the_order_and_no_button(models: dict[str, Model]) -> None:
    client = client_of(make_user(role="manager"))
    page = client.get("/models/order/").content.decode()
    assert models["a"].name in page
    assert "/move/" not in page
    model = models["d"]
    assert client.post(f"/models/{model.provider.public_id}/models/{model.public_id}/move/").status_code == 403
    assert client_of(make_user(role="user")).get("/models/order/").status_code == 403


def test_without_models_the_page_says_what_to_do(client: Client) -> None:
    assert "No model to put in order" in client.get("/models/order/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_move_at_once_each_leaves_a_whole_order(models: dict[str, Model]) -> None:
    start = threading.Barrier(4)
    troubles: list[Exception] = []

    def shuffle(name: str, before: str) -> None:
        try:
            start.wait()
            for _turn in range(5):
                move_model(actor=None, model=models[name], before=models[before])
                move_model(actor=None, model=models[name], before=None)
        except Exception as trouble:
            troubles.append(trouble)
        finally:
            connection.close()

    pairs = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    threads = [threading.Thread(target=shuffle, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert sorted(Model.objects.values_list("position", flat=True)) == [1, 2, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_give_one_name_at_once_one_is_told(models: dict[str, Model]) -> None:
    start = threading.Barrier(4)
    told: list[str] = []

    def rename(name: str) -> None:
        facts = ModelFacts(
            label="Quick",
            is_enabled=True,
            for_everybody=True,
            role_ids=frozenset(),
            parameters={},
            context_tokens=None,
            price_in=None,
            price_out=None,
        )
        start.wait()
        try:
            update_model(actor=None, model=models[name], facts=facts)
        except ValidationError as error:
            told.extend(error.messages)
        finally:
            connection.close()

    threads = [threading.Thread(target=rename, args=(name,)) for name in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["Another model has this name."] * 3
    assert Model.objects.filter(label="Quick").count() == 1
