"""The provider, asked as programs ask it: through the client of the OpenFeature SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason

from settings_store import flags
from settings_store.flag.openfeature import GatehouseProvider
from settings_store.flags import flag_enabled, subject_of
from settings_store.models import Flag
from tests.factories import make_user, role_named

pytestmark = pytest.mark.django_db

type MakeFlag = Callable[..., Flag]


@pytest.fixture
def client(make_flag: MakeFlag) -> Iterator[OpenFeatureClient]:
    api.set_provider(GatehouseProvider())
    yield api.get_client()
    api.clear_providers()


def only(value: Any) -> dict[str, Any]:
    return {"on": True, "variants": [{"name": "only", "value": value, "weight": 10_000}]}


def told(details: FlagEvaluationDetails[Any]) -> tuple[Any, Any, str | None]:
    return details.value, details.reason, details.variant


def who(key: str | None = None, **attributes: Any) -> EvaluationContext:
    return EvaluationContext(key, attributes)


def test_every_type_has_its_value(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    make_flag("words", "string", **only("Be brief."))
    make_flag("count", "number", **only(12))
    make_flag("part", "number", **only(0.75))
    make_flag("tree", "json", **only({"model": "small", "tools": ["a"]}))
    assert client.get_boolean_value("switch", False) is True
    assert client.get_string_value("words", "") == "Be brief."
    assert client.get_integer_value("count", 0) == 12
    assert client.get_float_value("part", 0.0) == 0.75
    assert client.get_object_value("tree", {}) == {"model": "small", "tools": ["a"]}
    details = client.get_object_details("tree", {})
    assert told(details) == ({"model": "small", "tools": ["a"]}, Reason.STATIC, "only")
    assert details.flag_metadata == {"rule": "everybody", "type": "json"}


def test_what_a_program_does_to_its_value_changes_nobody_elses(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("tree", "json", **only({"tools": ["a"]}))
    found: Any = client.get_object_value("tree", {})
    found["tools"].append("b")
    assert client.get_object_value("tree", {}) == {"tools": ["a"]}


def test_a_whole_number_is_a_float_and_a_part_of_one_no_integer(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("count", "number", **only(12))
    make_flag("whole", "number", **only(12.0))
    make_flag("part", "number", **only(0.5))
    assert repr(client.get_float_value("count", 0.5)) == "12.0"
    assert repr(client.get_integer_value("whole", 1)) == "12"
    details = client.get_integer_details("part", 3)
    assert (details.value, details.reason, details.error_code) == (3, Reason.ERROR, ErrorCode.TYPE_MISMATCH)


@pytest.mark.parametrize(
    ("kind", "value", "asked"),
    [
        ("string", "12", "integer"),
        ("string", "true", "boolean"),
        ("number", 1, "boolean"),
        ("number", 1, "string"),
        ("number", 1, "object"),
        ("json", "text", "object"),
        ("json", True, "integer"),
        ("json", None, "string"),
        ("json", {}, "float"),
    ],
)
def test_the_wrong_type_gives_the_default_and_says_so(
    client: OpenFeatureClient, make_flag: MakeFlag, kind: str, value: Any, asked: str
) -> None:
    make_flag("wrong", kind, **only(value))
    default = {"boolean": True, "string": "x", "integer": 3, "float": 0.5, "object": {"x": 1}}[asked]
    details = getattr(client, f"get_{asked}_details")("wrong", default)
    assert (details.value, details.reason, details.error_code) == (default, Reason.ERROR, ErrorCode.TYPE_MISMATCH)


def test_json_may_hold_a_value_of_any_type(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("any", "json", **only(True))
    assert client.get_boolean_details("any", False).value is True
    make_flag("any", "json", **only("text"))
    assert client.get_string_value("any", "") == "text"
    make_flag("any", "json", **only([1, 2]))
    assert client.get_object_value("any", []) == [1, 2]


def test_the_wrong_type_is_told_before_anybody_gets_a_value(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("words", "string")
    assert client.get_integer_details("words", 3).error_code is ErrorCode.TYPE_MISMATCH


def test_the_reason_is_in_the_words_of_the_specification(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    ana, ben = make_user(username="ana"), make_user(username="ben")
    omar = make_user(role="operator", username="omar")

    def asked(context: EvaluationContext, **rules: Any) -> tuple[Any, Any, str | None]:
        make_flag("switch", **rules)
        return told(client.get_boolean_details("switch", True, context))

    assert asked(who("ana"), on=False) == (False, Reason.DISABLED, "off")
    assert asked(who("ana"), on=True) == (True, Reason.STATIC, "on")
    assert asked(who("ana"), on=True, until="2100-01-01T00:00:00Z") == (True, Reason.DEFAULT, "on")
    assert asked(who("ana"), on=True, until="2020-01-01T00:00:00Z") == (False, Reason.DISABLED, "off")
    assert asked(who("ana"), **{"on": True, "from": "2100-01-01T00:00:00Z"}) == (False, Reason.DISABLED, "off")
    assert asked(who("ana"), on=True, share=0, people=[ana.pk]) == (True, Reason.TARGETING_MATCH, "on")
    assert asked(who("ana"), on=True, excluded=[ana.pk]) == (False, Reason.TARGETING_MATCH, "off")
    assert asked(who("ben"), on=True, excluded=[ana.pk]) == (True, Reason.DEFAULT, "on")
    rules = {"on": True, "share": 0, "roles": [role_named("operator").pk]}
    assert asked(who("omar"), **rules) == (True, Reason.TARGETING_MATCH, "on")
    assert asked(who("ben"), **rules) == (False, Reason.DEFAULT, "off")
    for person in (ana, ben, omar):
        expected = flag_enabled("switch", person)
        assert asked(who(user=person), **rules)[0] is expected
    make_flag("ground", on=False)
    assert asked(who("ana"), on=True, needs=["ground"]) == (False, Reason.DEFAULT, "off")


def test_a_share_remembers_people_and_strangers(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("half", on=True, share=5000)
    found = [client.get_boolean_details("half", False, who(f"device-{number}")) for number in range(60)]
    assert {details.reason for details in found} == {Reason.SPLIT}
    assert 15 < sum(details.value for details in found) < 45
    again = [client.get_boolean_value("half", False, who(f"device-{number}")) for number in range(60)]
    assert again == [details.value for details in found]


def test_variants_are_dealt_alike_by_every_door(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    variants = [{"name": name, "value": f"value of {name}", "weight": 5000} for name in ("a", "b")]
    make_flag("words", "string", on=True, variants=variants)
    people = [make_user(password=None) for _number in range(12)]
    found = [client.get_string_details("words", "", who(user=person)) for person in people]
    assert {details.reason for details in found} == {Reason.SPLIT}
    assert {details.variant for details in found} == {"a", "b"}
    assert [details.value for details in found] == [flags.flag_variant("words", person) for person in people]
    assert [details.value for details in found] == [
        client.get_string_value("words", "", who(person.username)) for person in people
    ]


def test_off_gives_the_default_of_the_program(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("words", "string", **(only("x") | {"on": False}))
    assert told(client.get_string_details("words", "mine")) == ("mine", Reason.DISABLED, "off")


def test_a_person_is_told_by_public_id_username_or_address(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    ana = make_user(username="ana", email="ana@example.com")
    gone = make_user(username="gone", is_active=False)
    make_flag("switch", on=True, share=0, people=[ana.pk, gone.pk])
    names = ("ana", "ANA", "ana@example.com", str(ana.public_id))
    assert [client.get_boolean_value("switch", False, who(name)) for name in names] == [True] * 4
    nobody = ("gone", "ben", str(ana.pk), "a\0na", "\ud800", "x" * 5000)
    assert [client.get_boolean_value("switch", False, who(name)) for name in nobody] == [False] * 6


def test_a_user_at_hand_costs_no_question(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    ana = make_user(username="ana")
    make_flag("switch", on=True, share=0, people=[ana.pk])
    subject = subject_of(ana)
    with CaptureQueriesContext(connection) as queries:
        assert client.get_boolean_value("switch", False, who(user=ana)) is True
        assert client.get_boolean_value("switch", False, who(user=subject)) is True
        assert client.get_boolean_value("switch", False, who(user=SimpleNamespace(pk=None))) is False
    assert len(queries) == 0
    assert client.get_boolean_value("switch", False, who("ana", user="an attribute of its own")) is True
    assert client.get_boolean_value("switch", False, who("ana", user=AnonymousUser())) is True


def test_an_unknown_flag_gives_the_default_and_is_counted(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("missing", True)
    assert (details.value, details.reason, details.error_code) == (True, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND)
    assert flags.unknown == {"missing": 1}


def test_where_only_a_share_decides_somebody_must_be_named(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("half", on=True, share=5000)
    make_flag("above", on=True, needs=["half"])
    variants = [{"name": name, "value": name, "weight": 5000} for name in ("a", "b")]
    make_flag("words", "string", on=True, variants=variants)
    missing = ErrorCode.TARGETING_KEY_MISSING
    assert client.get_boolean_details("half", True).error_code is missing
    assert client.get_boolean_details("above", True).error_code is missing
    assert client.get_string_details("words", "mine").error_code is missing
    make_flag("half", on=True, share=0)
    assert told(client.get_boolean_details("half", True)) == (False, Reason.DEFAULT, "off")


@pytest.mark.django_db(transaction=True)
def test_a_program_with_an_event_loop_asks_alike(client: OpenFeatureClient, make_flag: MakeFlag) -> None:
    ana = make_user(username="ana")
    make_flag("switch", on=True, share=0, people=[ana.pk])
    make_flag("words", "string", **only("x"))
    make_flag("count", "number", **only(12))
    make_flag("tree", "json", **only([1]))

    async def ask() -> list[Any]:
        return [
            await client.get_boolean_value_async("switch", False, who("ana")),
            await client.get_string_value_async("words", ""),
            await client.get_integer_value_async("count", 0),
            await client.get_float_value_async("count", 0.5),
            await client.get_object_value_async("tree", []),
        ]

    assert asyncio.run(ask()) == [True, "x", 12, 12.0, [1]]
