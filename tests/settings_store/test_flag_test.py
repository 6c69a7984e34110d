"""Test-as: what somebody gets of a flag, by which rule, and why; and that it tells nobody who there is."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rbac.models import Assignment
from settings_store import actions, store
from settings_store.actions import Description, create_flag
from settings_store.flag import snapshot
from settings_store.flag.evaluation import Flag, bucket, person, stranger
from settings_store.flag.rules import FlagType
from settings_store.flags import flag_enabled
from settings_store.realms import key_of_flag
from tests.factories import client_of, make_user, role_named

pytestmark = pytest.mark.django_db


def make(key: str = "new-search", kind: FlagType = FlagType.BOOLEAN) -> None:
    create_flag(actor=None, key=key, kind=kind, description=Description(label="A flag"))


def give(key: str = "new-search", environment: str = "production", **rules: Any) -> None:
    value = json.dumps({"on": True} | rules)
    actions.submit_change(actor=None, key=key_of_flag(key), environment=environment, value=value)


def answer(client: Client, query: str) -> str:
    """What the page answers, without tags."""
    response = client.get(f"/flags/new-search/?{query}")
    assert response.status_code == 200
    return _plain(
        response.content.decode().split('id="tested" role="status">', 1)[1].split('<section class="section rule', 1)[0]
    )


def drafted(client: Client, **data: Any) -> str:
    sent = {"version": "0", "share": "100"} | data
    response = client.post("/flags/new-search/test/", sent, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return _plain(response.content.decode())


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.mark.parametrize(
    ("rules", "sentence", "is_on"),
    [
        ({"on": False}, "The flag is off for everybody.", False),
        ({"from": "2900-01-01T00:00:00Z"}, "The flag begins on 1 January 2900, 00:00:00.", False),
        ({"until": "2020-01-01T00:00:00Z"}, "The flag ended on 1 January 2020, 00:00:00.", False),
        ({}, "The share is 100 %.", True),
        ({"share": 0}, "The share is 0 %: it is on only for those who are named.", False),
        ({"needs": ["base"]}, "It depends on base, which is off for them.", False),
    ],
)
def test_the_rule_that_decided_is_named(operator: Client, rules: dict[str, Any], sentence: str, is_on: bool) -> None:
    make()
    make("base")
    make_user(username="ada")
    give(**rules)
    words = answer(operator, "as=ada")
    assert sentence in words
    assert f"ada {'on' if is_on else 'off'}" in words


def test_people_roles_and_exclusions_are_named_with_what_came_before(operator: Client) -> None:
    make()
    ada, bo = make_user(username="ada"), make_user(username="bo", full_name="Bo Li")
    vera = make_user(username="vera", role="viewer")
    give(people=[ada.pk], excluded=[bo.pk], roles=[role_named("viewer").pk], share=0)
    assert "on ada is named." in answer(operator, "as=ADA@example.org")
    assert "off Bo Li is excluded." in answer(operator, "as=bo")
    words = answer(operator, f"as={vera.username}")
    assert "on The role Viewer is named." in words
    assert words.index("It is on.") < words.index("Not excluded.") < words.index("Not among the people named.")
    assert "Holds none of the roles named." in answer(operator, "as=omar")


def test_the_bucket_is_told_and_decides(operator: Client) -> None:
    make()
    ada = make_user(username="ada")
    place = bucket(Flag("new-search"), person(ada.pk))
    give(share=place)
    words = answer(operator, "as=ada")
    assert f"Bucket {place:,} of 10,000; the share takes those below {place:,}." in words
    assert "does not reach this bucket" in words
    give(share=place + 1)
    assert "takes this bucket" in answer(operator, "as=ada")


def test_the_variant_is_told_with_its_value(operator: Client) -> None:
    make(kind=FlagType.JSON)
    make_user(username="ada")
    give(variants=[{"name": "wide", "value": {"size": 20}, "weight": 10000}])
    assert "on wide {&quot;size&quot;: 20}" in answer(operator, "as=ada")


def test_a_role_alone_falls_into_no_bucket(operator: Client) -> None:
    make()
    role = role_named("viewer")
    give(share=5000)
    words = answer(operator, f"role={role.pk}")
    assert "Somebody who holds only the role Viewer" in words
    assert "The share takes some people of this role and not others, by the bucket of each." in words
    give(share=5000, roles=[role.pk])
    assert "The role Viewer is named." in answer(operator, f"role={role.pk}")


@pytest.mark.parametrize("role", ["0", "-1", "x", "9" * 30, "²", "\0"])
def test_a_role_that_is_not_there_tests_nothing(operator: Client, role: str) -> None:
    make()
    assert answer(operator, f"role={role}") == "The role chosen does not exist (any more)."


def test_one_of_name_and_role_is_asked_for(operator: Client) -> None:
    make()
    role = role_named("viewer")
    assert answer(operator, f"as=omar&role={role.pk}") == "Test as somebody or as a role, not as both at once."
    assert answer(operator, "as=+&role=") == "Write whom to test as, or choose a role."
    assert drafted(operator, **{"as": "", "role": ""}) == "Write whom to test as, or choose a role."
    assert not answer(operator, "")


def test_somebody_is_found_by_their_whole_name(operator: Client, viewer: Client) -> None:
    make()
    crowded = [make_user(full_name=f"Ana Ruiz {letter}") for letter in "abcdefghij"]
    make_user(username="ana", full_name="Ana Ruiz")
    boss = client_of(make_user(role="admin"))
    assert len(crowded) == 10
    assert answer(boss, "as=ana+RUIZ").startswith("Ana Ruiz ")
    assert "The key" not in answer(boss, "as=Ana+Ruiz")
    assert "The key “Ana Ruiz”" in answer(viewer, "as=Ana+Ruiz"), "whom one may not see has no name"
    other = make_user(username="ana2", full_name="Ana Ruiz")
    words = answer(boss, "as=Ana+Ruiz")
    assert words == "Several people are called “Ana Ruiz”. Write the username or the e-mail address."
    User.objects.filter(pk=other.pk).update(is_active=False)
    assert "The key" not in answer(boss, "as=Ana+Ruiz"), "one of them is there"


def test_a_key_of_a_program_counts_as_that_of_a_stranger(operator: Client) -> None:
    make()
    place = bucket(Flag("new-search"), stranger("device-7"))
    give(share=place + 1)
    words = answer(operator, "as=device-7")
    assert "The key “device-7”" in words
    assert f"Bucket {place:,} of 10,000" in words
    assert "takes this bucket" in words
    assert answer(operator, "as=%00") != ""


def test_somebody_deactivated_is_said_to_be_so_and_gets_what_evaluation_gives(operator: Client, viewer: Client) -> None:
    make()
    ada = make_user(username="ada", role="viewer")
    User.objects.filter(pk=ada.pk).update(is_active=False)
    ada.refresh_from_db()
    for rules, sentence in (
        ({"people": [ada.pk], "share": 0}, "The share is 0 %"),
        ({"roles": [role_named("viewer").pk], "share": 5000}, "The share takes nobody who is deactivated."),
        ({"excluded": [ada.pk]}, "The share is 100 %."),
    ):
        give(**rules)
        store.refresh()
        words = answer(operator, "as=ada")
        assert words.startswith("ada deactivated Deactivated people count as nobody in particular")
        assert sentence in words
        assert (f" {'on' if flag_enabled('new-search', ada) else 'off'} {sentence}") in words
        assert "Not among" not in words
    snapshot.forget()
    assert "The key “ada”" in answer(viewer, "as=ada")


def test_whoever_only_reads_learns_of_nobody_they_may_not_see(viewer: Client) -> None:
    make()
    ada = make_user(username="ada", full_name="Ada Lovelace")
    give(people=[ada.pk], share=0)
    there, nowhere = answer(viewer, "as=ada"), answer(viewer, "as=adx")
    assert "Lovelace" not in there
    assert "off" in there
    # But for the key itself and the bucket it hashes to, the answers are the same.
    assert re.sub(r"adx?a?|Bucket [0-9,]+", "", there) == re.sub(r"adx?a?|Bucket [0-9,]+", "", nowhere)
    # Oneself one may see.
    assert "The key" not in answer(viewer, "as=vera")


def test_a_supervisor_tests_as_somebody_of_the_own_team(db: None) -> None:
    make()
    boss = make_user(username="boss", role="supervisor")
    make_user(username="mate", full_name="Mate One", supervisor=boss)
    make_user(username="other", full_name="Other One")
    Assignment.objects.create(user=boss, role=role_named("viewer"))
    client = client_of(boss)
    assert "Mate One" in answer(client, "as=mate")
    assert "Other One" not in answer(client, "as=other")


def test_the_form_as_it_stands_is_tested_beside_what_is_saved(operator: Client) -> None:
    make()
    make_user(username="ada")
    give(share=0)
    words = drafted(operator, **{"as": "ada"}, on="on", share="100")
    assert "As in the form on The share is 100 %." in words
    assert "As saved off The share is 0 %" in words
    # The same rules are told once.
    assert "As in the form" not in drafted(operator, **{"as": "ada"}, on="on", share="0")
    words = drafted(operator, **{"as": "ada"}, on="on", share="many")
    assert "What the form holds is not right yet, so only what is saved is tested." in words
    assert "The share is 0 %" in words


def test_a_draft_is_tested_with_the_flags_it_would_depend_on(operator: Client) -> None:
    make()
    make("base")
    ada = make_user(username="ada")
    give("base", people=[ada.pk], share=0)
    assert "As in the form on" in drafted(operator, **{"as": "ada"}, on="on", needs="base")
    assert "which is off for them" in drafted(operator, **{"as": "omar"}, on="on", needs="base")


def test_another_environment_is_tested_by_its_own_rules(operator: Client) -> None:
    make()
    make("base")
    make_user(username="ada")
    give(needs=["base"])
    give("base", "staging")
    give(environment="staging", needs=["base"])
    assert "ada off" in answer(operator, "as=ada")
    assert "ada on" in answer(operator, "as=ada&environment=staging")


def test_a_draft_sent_without_scripts_stays_in_the_form(operator: Client) -> None:
    make()
    make_user(username="ada")
    response = operator.post("/flags/new-search/test/", {"version": "0", "share": "42", "on": "on", "as": "ada"})
    html = response.content.decode()
    assert 'name="share" value="42"' in html
    assert "As in the form" in html


def test_without_scripts_what_was_written_before_is_tested_and_kept(operator: Client) -> None:
    make()
    make_user(username="ada")
    sent = {"version": "0", "share": "0", "on": "on", "people_add": "ada", "do": "people", "reason": "A try"}
    html = operator.post("/flags/new-search/change/", sent).content.decode()
    draft = _field(html, "draft")
    assert 'method="post" action="/flags/new-search/test/?environment=production#test-as"' in html
    response = operator.post("/flags/new-search/test/", {"draft": draft, "as": "ada", "role": ""})
    html = response.content.decode()
    assert "As in the form" in html
    assert "ada is named." in html
    assert 'name="share" value="0"' in html
    assert "A try" in html
    assert 'name="drop_people"' in html
    assert 'name="as" value="ada"' in html
    assert "1 of 2 people" in _plain(html)
    assert _field(html, "draft") == draft, "and the next test has it too"
    # What is written wrong stays as well.
    wrong = operator.post("/flags/new-search/change/", sent | {"do": "", "share": "many"}).content.decode()
    html = operator.post("/flags/new-search/test/", {"draft": _field(wrong, "draft"), "as": "ada"}).content.decode()
    assert 'name="share" value="many"' in html
    assert "only what is saved is tested" in html
    assert operator.post("/flags/new-search/test/", {"draft": "a=1&" * 5000, "as": "ada"}).status_code == 400


def _field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None
    return unescape(found[1])
