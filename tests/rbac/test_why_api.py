from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chat.models import Conversation
from rbac.views import api
from tests.rbac.conftest import AsPerson, MakePerson

API = "/api/why"


def test_a_program_asks_about_itself(as_person: AsPerson, person: MakePerson) -> None:
    client = as_person(person("user", full_name="Ana Ruiz"))
    answer = client.get(API, {"permission": "chat:use"})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "allowed": True,
        "decided_by": "permission",
        "sentence": "Ana Ruiz holds chat:use.",
        "path": [
            {"step": "person", "outcome": "ok", "sentence": "Ana Ruiz is active."},
            {"step": "assignments", "outcome": "ok", "sentence": "1 role counts now."},
            {"step": "permission", "outcome": "decides", "sentence": "Ana Ruiz holds chat:use."},
            {"step": "before", "outcome": "ok", "sentence": "Nothing stands in the way."},
        ],
    }
    refused = client.get(API, {"page": "/settings/"}).json()
    assert (refused["allowed"], refused["decided_by"]) == (False, "permission")


def test_about_others_and_their_objects(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    owner, other = person("user"), person("supervisor")
    talk = Conversation.objects.create(owner=owner)
    client = as_person(admin)
    asked = {"permission": "conversations:oversee", "object": f"conversation:{talk.public_id}"}
    for name in (other.username, other.email.upper(), str(other.public_id)):
        answer = client.get(API, {"person": name, **asked}).json()
        assert (answer["allowed"], answer["decided_by"]) == (False, "scope")
    owner.supervisor = other
    owner.save(update_fields=["supervisor"])
    assert client.get(API, {"person": other.username, **asked}).json()["allowed"]


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"permission": "settings:fly"}, 404, "There is no permission"),
        ({"permission": "chat:use", "person": "nobody"}, 404, "There is nobody"),
        ({"permission": "users:read", "object": "person:nobody"}, 404, "in your sight"),
        ({"page": "/nowhere/"}, 404, "There is no page"),
        ({}, 400, "Say which permission"),
        ({"permission": "chat:use", "at": "now"}, 400, "There is no parameter 'at'"),
        ({"permission": ["chat:use", "users:read"]}, 400, "more than once"),
        ({"permission": "chat:use", "object": "x"}, 400, "Name it as one of"),
        ({"permission": "settings:read", "object": "role:admin"}, 400, "is not asked about"),
        ({"permission": "chat:use", "page": "/users/"}, 400, "not about both"),
        ({"permission": "a\x00"}, 400, "Use letters"),
    ],
)
def test_refusals_are_problem_details(
    as_person: AsPerson, admin: User, asked: dict[str, Any], status: int, words: str
) -> None:
    answer = as_person(admin).get(API, asked)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert answer.json()["status"] == status


def test_who_may_not_ask(as_person: AsPerson, person: MakePerson) -> None:
    supervisor = person("supervisor")
    below, stranger = person("user", supervisor=supervisor), person("user")
    client = as_person(supervisor)
    seen = client.get(API, {"person": below.username, "permission": "chat:use"})
    assert (seen.status_code, seen.json()["detail"]) == (403, "This needs the permission roles.read.")
    unseen = client.get(API, {"person": stranger.username, "permission": "chat:use"})
    nobody = client.get(API, {"person": "nobody", "permission": "chat:use"})
    assert unseen.status_code == 404
    assert unseen.json() == nobody.json()
    assert Client().get(API, {"permission": "chat:use"}).status_code == 401


def test_only_get_and_not_without_end(as_person: AsPerson, person: MakePerson, monkeypatch: pytest.MonkeyPatch) -> None:
    client = as_person(person("user"))
    answer = client.post(API, {"permission": "chat:use"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    monkeypatch.setattr(api, "MOST_CALLS", 2)
    statuses = [client.get(API, {"permission": "chat:use"}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
