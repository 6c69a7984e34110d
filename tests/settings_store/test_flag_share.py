"""The share of the people present: exact, before anything is saved."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from settings_store import actions
from settings_store.actions import Description, create_flag
from settings_store.flag.rules import FlagType
from settings_store.flags import flag_enabled, flag_variant
from settings_store.realms import key_of_flag
from tests.factories import role_named

pytestmark = pytest.mark.django_db


def make(key: str = "new-search", kind: FlagType = FlagType.BOOLEAN) -> None:
    create_flag(actor=None, key=key, kind=kind, description=Description(label="A flag"))


def give(key: str = "new-search", environment: str = "production", **rules: Any) -> None:
    value = json.dumps({"on": True} | rules)
    actions.submit_change(actor=None, key=key_of_flag(key), environment=environment, value=value)


def share(client: Client, query: str = "", **data: Any) -> str:
    sent = {"version": "0", "share": "100", "on": "on"} | data
    response = client.post(f"/flags/new-search/share/{query}", sent, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def crowd(count: int) -> list[User]:
    role = role_named("user")
    users = User.objects.bulk_create(
        User(username=f"p{number}", email=f"p{number}@example.org", username_key=f"p{number}", email_key=f"p{number}@e")
        for number in range(count)
    )
    role.assignments.model.objects.bulk_create(role.assignments.model(user=user, role=role) for user in users)
    return users


def test_it_is_that_of_those_who_get_it_once_saved(operator: Client) -> None:
    make(kind=FlagType.STRING)
    people = crowd(150)
    variants: dict[str, Any] = {"variant_name": ["a", "b"], "variant_value": ["x", "y"], "variant_weight": ["70", "30"]}
    told = share(operator, share="33.33", **variants)
    User.objects.filter(username="p7").update(is_active=False)
    assert operator.post("/flags/new-search/change/", {"version": "0", "share": "33.33", "on": "on"} | variants)
    present = list(User.objects.filter(is_active=True))
    on = [user for user in [*people, *User.objects.filter(username="omar")] if flag_enabled("new-search", user)]
    x = [user for user in on if flag_variant("new-search", user) == "x"]
    assert told.startswith(f"{len(on)} of 151 people ({_per_cent(len(on), 151)}) get it.")
    assert f"a {len(x)} ({_per_cent(len(x), len(on))}) b {len(on) - len(x)}" in told
    # Whoever is deactivated is not present any more, on the page too.
    assert f"of {len(present)} people" in operator.get("/flags/new-search/present/").content.decode()
    assert len(present) == 150


def test_people_roles_exclusions_and_other_flags_count(operator: Client) -> None:
    make()
    make("base")
    people = crowd(9)
    assert share(operator, share="0", people_add="p1, p2").startswith("2 of 10 people (20 %) get it.")
    assert share(operator, share="100", excluded_add="p1").startswith("9 of 10 people (90 %)")
    assert share(operator, share="0", roles=[role_named("operator").pk]).startswith("1 of 10 people (10 %)")
    assert share(operator, share="100", needs="base").startswith("0 of 10 people")
    give("base", people=[people[3].pk], share=0)
    assert share(operator, share="100", needs="base").startswith("1 of 10 people")
    assert share(operator, "?environment=staging", share="100", needs="base").startswith("0 of 10 people")


def test_a_flag_that_is_off_reaches_nobody_and_says_whom_it_would(operator: Client) -> None:
    make()
    crowd(9)
    told = share(operator, on="", share="100")
    assert "0 of 10 people (0 %) get it: it is off. Once it is on: 10 of 10 (100 %)." in told
    told = share(operator, starts="2900-01-01T00:00", share="100")
    assert "0 of 10 people (0 %) get it: its time has not come." in told
    for on in ("on", ""):
        told = share(operator, on=on, until="2020-01-01T00:00", share="100")
        assert told.startswith("0 of 10 people (0 %) get it:")
        assert "Once it is on" not in told, "it will not be"
    assert "its time is over" in share(operator, until="2020-01-01T00:00")


def test_how_people_come_by_it_is_told_where_somebody_is_named(operator: Client) -> None:
    make()
    crowd(9)
    told = share(operator, share="0", people_add="p1, p2", roles=[role_named("operator").pk])
    assert "named 2 · by role 1 · by share 0" in told
    assert "named 1 · by role 0 · by share 9" in share(operator, share="100", people_add="p1")
    assert "named" not in share(operator, share="100")


def present(client: Client, *, partial: bool = True) -> str:
    headers = {"HX-Request": "true"} if partial else {}
    response = client.get("/flags/new-search/present/?environment=staging", headers=headers)
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def test_the_page_does_not_wait_for_the_count_of_what_is_saved(operator: Client, viewer: Client) -> None:
    make()
    give(environment="staging")
    crowd(3)
    for client in (operator, viewer):
        html = client.get("/flags/new-search/?environment=staging").content.decode()
        assert "5 people" not in html
        assert 'hx-get="/flags/new-search/present/?environment=staging" hx-trigger="load"' in html
        assert present(client).startswith("5 of 5 people (100 %) get it.")
        assert "5 of 5 people (100 %)" in present(client, partial=False), "without scripts it is a page"
    assert 'href="/flags/new-search/present/?environment=staging"' in html, "and there is a way to it"


def test_nobody_counts_without_the_right(person: Client) -> None:
    make()
    assert person.get("/flags/new-search/present/").status_code == 403


def test_rules_that_are_not_right_are_not_counted(operator: Client) -> None:
    make()
    assert share(operator, share="101") == "Counted once the rules are right."


def test_it_is_shown_without_scripts_with_what_was_written(operator: Client) -> None:
    make()
    response = operator.post(
        "/flags/new-search/share/", {"version": "0", "share": "0", "on": "on", "people_add": "omar"}
    )
    html = response.content.decode()
    assert response.status_code == 200
    assert "1 of 1 person (100 %)" in html
    assert 'name="share" value="0"' in html


def test_as_many_questions_for_many_people_as_for_few(operator: Client) -> None:
    make()
    share(operator)
    with CaptureQueriesContext(connection) as few:
        share(operator)
    crowd(60)
    with CaptureQueriesContext(connection) as many:
        share(operator)
    assert len(many) == len(few)


def _per_cent(part: int, whole: int) -> str:
    return f"{round(part * 10_000 / whole) / 100:.2f}".rstrip("0").rstrip(".") + " %"
