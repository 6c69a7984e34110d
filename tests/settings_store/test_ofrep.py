"""Flags over HTTP: what the protocol says, by plain HTTP and by its public client, and what nobody gets out of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import time_machine
from django.conf import settings as django_settings
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from accounts.models import Session, User
from rbac.models import Assignment
from settings_store import flags
from settings_store.actions import archive_flag
from settings_store.flag import use
from settings_store.flag.evaluation import stranger
from settings_store.flags import flag_enabled
from settings_store.models import Flag, LimitCounter
from settings_store.views import ofrep
from tests.factories import client_of, make_user, role_named

pytestmark = pytest.mark.django_db
ALL = "/ofrep/v1/evaluate/flags"

type MakeFlag = Callable[..., Flag]


@pytest.fixture
def caller(make_flag: MakeFlag) -> Client:
    return client_of(make_user(role="operator", username="omar"))


def ask(client: Client, key: str = "", body: Any = None, **headers: str) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {})
    url = f"{ALL}/{key}" if key else ALL
    return client.post(url, data=data, content_type="application/json", headers=headers)


def context(key: object = None, **attributes: Any) -> dict[str, Any]:
    return {"context": attributes | ({} if key is None else {"targetingKey": key})}


def only(value: Any) -> dict[str, Any]:
    return {"on": True, "variants": [{"name": "only", "value": value, "weight": 10_000}]}


def two(first: str, second: str) -> dict[str, Any]:
    return {"on": True, "variants": [{"name": name, "value": name, "weight": 5000} for name in (first, second)]}


def test_the_addresses_are_those_of_the_protocol() -> None:
    assert reverse("settings_store:evaluate_flags") == ALL
    assert reverse("settings_store:evaluate_flag", args=["a.b-c"]) == f"{ALL}/a.b-c"


def test_one_flag_answers_as_the_protocol_says(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    make_flag("words", "string", **only("Be brief."))
    make_flag("tree", "json", **only({"tools": ["a", None, 0.5]}))
    answer = ask(caller, "switch", context("someone"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == {
        "key": "switch",
        "value": True,
        "variant": "on",
        "reason": "STATIC",
        "metadata": {"rule": "everybody", "type": "boolean"},
    }
    assert ask(caller, "words").json()["value"] == "Be brief."
    assert ask(caller, "tree").json()["value"] == {"tools": ["a", None, 0.5]}


def test_off_is_false_and_for_variants_no_value_at_all(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("switch")
    make_flag("words", "string", **(only("x") | {"on": False}))
    assert ask(caller, "switch").json()["value"] is False
    answer = ask(caller, "words").json()
    assert answer == {
        "key": "words",
        "variant": "off",
        "reason": "DISABLED",
        "metadata": {"rule": "off", "type": "string"},
    }


def test_a_person_is_evaluated_with_their_roles_of_this_moment(caller: Client, make_flag: MakeFlag) -> None:
    ana = make_user(username="ana", email="ana@example.com")
    role = role_named("supervisor")
    make_flag("switch", on=True, share=0, roles=[role.pk])
    assert ask(caller, "switch", context("ana")).json()["value"] is False
    Assignment.objects.create(user=ana, role=role)
    for name in ("ana", "ANA@example.com", str(ana.public_id)):
        answer = ask(caller, "switch", context(name)).json()
        assert (answer["value"], answer["reason"]) == (True, "TARGETING_MATCH")
    assert ask(caller, "switch", context("omar")).json()["value"] is False, "it is not the caller who is meant"
    User.objects.filter(pk=ana.pk).update(is_active=False)
    assert ask(caller, "switch", context("ana")).json()["value"] is False


def test_a_share_is_the_same_over_http_as_in_a_page(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("half", on=True, share=5000)
    people = [make_user(password=None) for _number in range(12)]
    found = [ask(caller, "half", context(person.username)).json()["value"] for person in people]
    assert found == [flag_enabled("half", person) for person in people]
    assert set(found) == {True, False}


def test_where_only_a_share_decides_somebody_must_be_named(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("half", on=True, share=5000)
    make_flag("whole", on=True)
    make_flag("words", "string", **two("a", "b"))
    for key in ("half", "words"):
        bodies: list[Any] = [{}, {"context": {}}, context(""), b""]
        for body in bodies:
            answer = ask(caller, key, body)
            assert (answer.status_code, answer.json()["errorCode"]) == (400, "TARGETING_KEY_MISSING")
            assert answer.json().keys() == {"key", "errorCode", "errorDetails"}
    found = {each["key"]: each for each in ask(caller).json()["flags"]}
    assert found["half"]["errorCode"] == found["words"]["errorCode"] == "TARGETING_KEY_MISSING"
    assert found["whole"]["value"] is True


def test_a_flag_that_is_not_there_is_not_found(caller: Client, make_flag: MakeFlag, settle: Callable[[], None]) -> None:
    make_flag("old", on=True)
    archive_flag(actor=None, key="old")
    settle()
    for key in ("missing", "old", "Switch", "a/b", "a b", "%00", "%ED%A0%80", "x" * 5000, "flag:old"):
        answer = ask(caller, key, b"{" if key == "missing" else context("ana"))
        assert (answer.status_code, answer.json()["errorCode"]) == (404, "FLAG_NOT_FOUND"), key
    assert flags.unknown == {}, "what is asked from outside is counted apart"
    use.write_down()
    assert {found.key for found in use.unknown_flags()} == {"missing", "old"}, "what can be no flag is not counted"


@pytest.mark.parametrize(
    "path", ["", "v1/configuration", "v1/evaluate/flags/", "v1/evaluate", "v1/%0A", "v2/evaluate/flags"]
)
def test_every_address_below_answers_in_json(caller: Client, path: str) -> None:
    for answer in (caller.get(f"/ofrep/{path}"), caller.post(f"/ofrep/{path}")):
        assert in_json(answer, 404), path
    assert in_json(Client().get(f"/ofrep/{path}"), 401)


def test_a_key_of_two_lines_is_the_key_of_no_flag(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    for key in ("switch%0A", "%0Aswitch", "a%0Ab"):
        answer = ask(caller, key)
        assert (answer.status_code, answer.json()["errorCode"]) == (404, "FLAG_NOT_FOUND"), key


def test_nobody_learns_from_the_answers_who_there_is(caller: Client, make_flag: MakeFlag) -> None:
    vera, ana = make_user(role="viewer", username="vera"), make_user(username="ana", role="supervisor")
    make_flag("switch", on=True, share=0, roles=[role_named("supervisor").pk, role_named("viewer").pk])
    make_flag("half", on=True, share=5000)
    viewer = client_of(vera)
    for name in ("ana", ana.email, str(ana.public_id)):
        answer = ask(viewer, "switch", context(name)).json()
        assert (answer["value"], answer["reason"]) == (False, "DEFAULT"), name
        found = {each["key"]: each for each in ask(viewer, "", context(name)).json()["flags"]}
        assert found["switch"]["value"] is False
        assert found["half"]["value"] is flag_enabled("half", stranger(name))
    assert ask(viewer, "switch", context("vera")).json()["value"] is True, "oneself one may see"
    assert ask(caller, "switch", context("ana")).json()["value"] is True, "who changes flags may name anybody"


def test_somebody_deactivated_is_nobody_whoever_asks(caller: Client, make_flag: MakeFlag) -> None:
    ana = make_user(username="ana", role="supervisor")
    make_flag("half", on=True, share=5000)
    make_flag("named", on=True, share=0, people=[ana.pk])
    make_flag("by-role", on=True, share=0, roles=[role_named("supervisor").pk])
    User.objects.filter(pk=ana.pk).update(is_active=False)
    gone = User.objects.get(pk=ana.pk)
    answers = {each["key"]: each for each in ask(caller, "", context("ana")).json()["flags"]}
    for key in ("named", "by-role"):
        assert (answers[key]["value"], flag_enabled(key, gone)) == (False, False)
    assert answers["half"]["errorCode"] == "TARGETING_KEY_MISSING"
    assert "deactivated" in answers["half"]["errorDetails"]
    assert not flag_enabled("half", gone)


def test_many_layers_of_flags_cost_no_more_than_their_number(caller: Client, make_flag: MakeFlag) -> None:
    below: list[str] = []
    make_flag("half", on=True, share=5000)
    for layer in range(11):
        keys = [f"layer-{layer}-{number}" for number in range(5)]
        for key in keys:
            make_flag(key, on=True, needs=below or ["half"])
        below = keys
    # Walked once for each way through the layers, this would not end.
    found = {each["key"]: each for each in ask(caller).json()["flags"]}
    assert {each["errorCode"] for each in found.values()} == {"TARGETING_KEY_MISSING"}


def test_no_key_is_asked_for_that_would_help_nothing(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("half", on=True, share=5000)
    make_flag("off")
    make_flag("off-below", on=True, needs=["half", "off"])
    make_flag("off-deeper", on=True, needs=["off-below", "half"])
    make_flag("off-itself", on=True, share=0, needs=["half"])
    make_flag("key-helps", on=True, needs=["half"])
    make_flag("words", "string", **two("a", "b"))
    make_flag("need-of-words", on=True, needs=["words", "off"])
    found = {each["key"]: each for each in ask(caller).json()["flags"]}
    for key in ("off-below", "off-deeper", "off-itself", "need-of-words"):
        assert (found[key]["value"], found[key]["reason"]) == (False, "DEFAULT"), key
    assert found["key-helps"]["errorCode"] == "TARGETING_KEY_MISSING"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"\xff\xfe\x00", "PARSE_ERROR"),
        (b"\x00", "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b'"context"', "PARSE_ERROR"),
        (b"null", "PARSE_ERROR"),
        (b'{"context": NaN}', "PARSE_ERROR"),
        (b'{"context": {"age": 1' + b"0" * 5000 + b"}}", "PARSE_ERROR"),
        (b'{"context": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "PARSE_ERROR"),
        (b'{"context": ' + b'{"a":' * 10_000, "PARSE_ERROR"),
        (b'{"context": {"a": "' + b"x" * 65_536 + b'"}}', "PARSE_ERROR"),
        (b'{"context": null}', "INVALID_CONTEXT"),
        (b'{"context": []}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": ["ana"]}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": true}}', "INVALID_CONTEXT"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(caller: Client, make_flag: MakeFlag, body: bytes, code: str) -> None:
    make_flag("switch", on=True)
    one, every = ask(caller, "switch", body), ask(caller, "", body)
    assert (one.status_code, one.json()["errorCode"], one.json()["key"]) == (400, code, "switch")
    assert (every.status_code, every.json()["errorCode"]) == (400, code)
    assert every.json().keys() == {"errorCode", "errorDetails"}


@pytest.mark.parametrize("key", ["\0", "a\0na", "\ud800", "🐙", "x" * 60_000, "'; --", "a\nb", " "])
def test_any_text_may_be_a_targeting_key(caller: Client, make_flag: MakeFlag, key: str) -> None:
    make_flag("half", on=True, share=5000)
    first, again = ask(caller, "half", context(key)), ask(caller, "half", context(key))
    assert first.status_code == 200
    assert first.json() == again.json()


def test_a_body_in_a_form_is_read_as_any_other(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("half", on=True, share=5000)
    body = json.dumps(context("ana"))
    for kind in ("application/x-www-form-urlencoded", "text/plain", "nonsense"):
        assert caller.post(f"{ALL}/half", data=body, content_type=kind).status_code == 200
    form = caller.post(f"{ALL}/half", data={"context": body})
    assert (form.status_code, form.json()["errorCode"]) == (400, "PARSE_ERROR")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"nonsense"),
        ("multipart/form-data; boundary=", b"nonsense"),
        ("application/x-www-form-urlencoded", b"a=1&" * 5000),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_in_json(make_flag: MakeFlag, kind: str, body: bytes) -> None:
    make_flag("switch", on=True)
    # The check of the token reads forms, before any view is asked.
    omar = client_of(make_user(role="operator"), enforce_csrf_checks=True, raise_request_exception=False)
    omar.get(reverse("password_change"))
    headers = {"X-CSRFToken": omar.cookies[django_settings.CSRF_COOKIE_NAME].value}
    answer = omar.post(ALL, data=body, content_type=kind, headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert answer.json()["errorCode"] in {"GENERAL", "PARSE_ERROR"}


def test_all_at_once_are_the_same_as_one_by_one(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    make_flag("half", on=True, share=5000)
    make_flag("words", "string", **two("a", "b"))
    answer = ask(caller, "", context("someone"))
    assert answer.status_code == 200
    found = answer.json()["flags"]
    assert [each["key"] for each in found] == ["half", "switch", "words"]
    assert found == [ask(caller, each["key"], context("someone")).json() for each in found]
    use.write_down()
    assert use.last_evaluated(["half", "switch", "words"]).keys() == {"half", "switch", "words"}


def test_an_answer_that_did_not_change_is_not_sent_again(caller: Client, make_flag: MakeFlag) -> None:
    ana, role = make_user(username="ana"), role_named("supervisor")
    make_flag("switch", on=True, share=0, roles=[role.pk])
    make_flag("later", **{"on": True, "from": "2100-01-01T00:00:00Z"})
    body = context("ana")
    first = ask(caller, "", body)
    etag = first["ETag"]
    assert etag.startswith('"')
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = ask(caller, "", body, if_none_match=known)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    assert ask(caller, "", body, if_none_match='"other"').status_code == 200
    assert ask(caller, "", body, if_none_match="nonsense").status_code == 200
    with time_machine.travel(datetime(2100, 1, 2, tzinfo=UTC)):
        later = client_of(make_user(role="operator"))
        assert ask(later, "", body, if_none_match=etag).status_code == 200, "its time has come"
    Assignment.objects.create(user=ana, role=role)
    changed = ask(caller, "", body, if_none_match=etag)
    assert changed.status_code == 200, "the roles of the person count"
    make_flag("switch", on=False)
    assert ask(caller, "", body, if_none_match=changed["ETag"]).status_code == 200, "and so do the rules"


def in_json(answer: HttpResponseBase, status: int) -> bool:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"
    body = answer.json()  # type: ignore[attr-defined]  # the test client adds it
    assert body["errorCode"] == "GENERAL"
    return bool(body["errorDetails"])


@pytest.mark.parametrize("key", ["", "switch", "missing"])
def test_nobody_without_a_session_or_the_right_is_answered(key: str, make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    stranger = Client()
    assert in_json(ask(stranger, key), 401)
    assert in_json(ask(Client(enforce_csrf_checks=True), key), 401)
    assert in_json(ask(stranger, key, **{"HX-Request": "true"}), 401)
    assert in_json(stranger.get(f"{ALL}/{key}" if key else ALL), 401)
    assert in_json(ask(client_of(make_user(role="user")), key), 403)
    assert in_json(ask(client_of(make_user(role=None)), key), 403)
    assert in_json(ask(client_of(make_user(role="operator", must_change_password=True)), key), 403)
    assert flags.unknown == {}


def test_another_site_cannot_ask_with_somebodys_cookies(make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    omar = client_of(make_user(role="operator"), enforce_csrf_checks=True)
    assert in_json(ask(omar, "switch"), 403)
    omar.get(reverse("password_change"))
    token = omar.cookies[django_settings.CSRF_COOKIE_NAME].value
    assert ask(omar, "switch", **{"X-CSRFToken": token}).status_code == 200
    refused = ask(omar, "switch", **{"X-CSRFToken": token, "Origin": "https://elsewhere.example"})
    assert in_json(refused, 403)


def test_only_a_post_asks(caller: Client) -> None:
    for method in ("get", "put", "delete", "head", "options", "patch"):
        answer = getattr(caller, method)(ALL)
        assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_program_that_polls_does_not_keep_a_session_alive(caller: Client) -> None:
    before = Session.objects.values_list("last_activity", "expire_date").get()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=30)):
        assert ask(caller).status_code == 200
        assert Session.objects.values_list("last_activity", "expire_date").get() == before
    with time_machine.travel(datetime.now(UTC) + timedelta(days=8)):
        assert in_json(ask(caller), 401)


def test_too_many_calls_of_one_session_are_told_when_to_come_again(caller: Client, make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    assert ask(caller, "switch").status_code == 200
    LimitCounter.objects.update(count=ofrep.MOST_CALLS)
    answer = ask(caller, "switch")
    assert in_json(answer, 429)
    assert 0 < int(answer["Retry-After"]) <= 60
    assert ask(client_of(make_user(role="operator")), "switch").status_code == 200, "others go on"


@pytest.fixture
def house(live_server: Any, make_flag: MakeFlag) -> str:
    return str(live_server.url)


@pytest.fixture
def session_headers(house: str) -> dict[str, str]:
    """What a program takes along after it signed in as a person does: by the form, with its token."""
    make_user(role="operator", username="omar")
    browser = requests.Session()
    page = browser.get(f"{house}/login/", timeout=20)
    token = browser.cookies[django_settings.CSRF_COOKIE_NAME]
    assert page.status_code == 200
    form = {"username": "omar", "password": "correct horse battery staple", "csrfmiddlewaretoken": token}
    signed_in = browser.post(f"{house}/login/", data=form, allow_redirects=False, timeout=20)
    assert signed_in.status_code == 302
    kept = dict(browser.cookies)
    cookies = "; ".join(f"{name}={value}" for name, value in kept.items())
    return {"Cookie": cookies, "X-CSRFToken": str(kept[django_settings.CSRF_COOKIE_NAME])}


@pytest.fixture
def program(house: str, session_headers: dict[str, str]) -> Iterator[OpenFeatureClient]:
    """The public client of the protocol, as it comes."""
    api.set_provider(OFREPProvider(house, headers_factory=lambda: session_headers))
    yield api.get_client()
    api.clear_providers()


@pytest.mark.django_db(transaction=True)
def test_the_public_client_reads_every_type(program: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    make_flag("words", "string", **only("Be brief."))
    make_flag("count", "number", **only(12))
    make_flag("part", "number", **only(0.75))
    make_flag("tree", "json", **only({"tools": ["a"]}))
    someone = EvaluationContext("someone", {"country": "DE", "age": 30})
    assert program.get_boolean_value("switch", False, someone) is True
    assert program.get_string_value("words", "", someone) == "Be brief."
    assert program.get_integer_value("count", 0, someone) == 12
    assert program.get_float_value("part", 0.0, someone) == 0.75
    assert program.get_object_value("tree", {}, someone) == {"tools": ["a"]}
    details = program.get_string_details("words", "")
    assert (details.reason, details.variant) == (Reason.STATIC, "only")
    assert details.flag_metadata == {"rule": "everybody", "type": "string"}


@pytest.mark.django_db(transaction=True)
def test_numbers_are_of_one_type_whoever_gets_which(program: OpenFeatureClient, make_flag: MakeFlag) -> None:
    def numbers(*values: float) -> dict[str, Any]:
        each = 10_000 // len(values)
        return {"on": True, "variants": [{"name": str(value), "value": value, "weight": each} for value in values]}

    make_flag("part", "number", **numbers(1, 0.5))
    make_flag("count", "number", **numbers(1.0, 2))
    devices = [EvaluationContext(f"device-{number}") for number in range(20)]
    assert {program.get_float_value("part", 7.0, device) for device in devices} == {1.0, 0.5}
    assert {program.get_integer_value("count", 7, device) for device in devices} == {1, 2}


@pytest.mark.django_db(transaction=True)
def test_the_public_client_takes_its_default_and_knows_why(program: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("words", "string", **only("x"))
    make_flag("half", on=True, share=5000)
    assert program.get_boolean_details("missing", True).error_code is ErrorCode.FLAG_NOT_FOUND
    assert program.get_integer_details("words", 3).error_code is ErrorCode.TYPE_MISMATCH
    assert program.get_boolean_details("half", True).error_code is ErrorCode.TARGETING_KEY_MISSING
    make_flag("words", "string", **(only("x") | {"on": False}))
    off = program.get_string_details("words", "mine")
    assert (off.value, off.reason, off.error_code) == ("mine", Reason.DISABLED, None)


@pytest.mark.django_db(transaction=True)
def test_the_public_client_gets_a_share_of_people(program: OpenFeatureClient, make_flag: MakeFlag) -> None:
    ana = make_user(username="ana")
    make_flag("half", on=True, share=5000)
    make_flag("target", on=True, share=0, people=[ana.pk])
    found = [program.get_boolean_value("half", False, EvaluationContext(f"device-{number}")) for number in range(20)]
    assert set(found) == {True, False}
    assert program.get_boolean_details("target", False, EvaluationContext("ana")).reason is Reason.TARGETING_MATCH
    assert program.get_boolean_value("target", True, EvaluationContext("ben")) is False


@pytest.mark.django_db(transaction=True)
def test_the_public_client_is_told_that_it_may_not(house: str, make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    api.set_provider(OFREPProvider(house))
    try:
        details = api.get_client().get_boolean_details("switch", False)
    finally:
        api.clear_providers()
    assert (details.value, details.error_code, details.error_message) == (False, ErrorCode.GENERAL, "unauthorized")


@pytest.mark.django_db(transaction=True)
def test_all_at_once_by_plain_http(house: str, session_headers: dict[str, str], make_flag: MakeFlag) -> None:
    make_flag("switch", on=True)
    body = {"context": {"targetingKey": "someone"}}
    first = requests.post(house + ALL, json=body, headers=session_headers, timeout=20)
    assert (first.status_code, [each["key"] for each in first.json()["flags"]]) == (200, ["switch"])
    known = session_headers | {"If-None-Match": first.headers["ETag"]}
    again = requests.post(house + ALL, json=body, headers=known, timeout=20)
    assert (again.status_code, again.content) == (304, b"")
    make_flag("switch", on=False)
    changed = requests.post(house + ALL, json=body, headers=known, timeout=20)
    assert changed.json()["flags"][0]["value"] is False
    without = requests.post(house + ALL, json=body, timeout=20, allow_redirects=False)
    assert (without.status_code, without.json()["errorCode"]) == (401, "GENERAL")
