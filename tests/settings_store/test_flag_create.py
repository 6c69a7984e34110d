"""/flags/new/ and the description of a flag."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from settings_store.actions import Description, archive_flag, create_flag, describe_flag
from settings_store.flag.rules import FlagType
from settings_store.flags import flag_enabled
from settings_store.models import AuditEvent, Flag

pytestmark = pytest.mark.django_db

GIVEN = {"key": "new-search", "label": "Search anew", "type": "boolean", "description": ""}


def make(key: str = "new-search", label: str = "Search anew") -> Flag:
    return create_flag(actor=None, key=key, kind=FlagType.BOOLEAN, description=Description(label=label))


def create(client: Client, **given: str) -> Any:
    return client.post("/flags/new/", GIVEN | given)


@pytest.mark.parametrize("kind", ["boolean", "string", "number", "json"])
def test_a_flag_is_created_off_everywhere(operator: Client, kind: str) -> None:
    response = create(operator, type=kind, description="For a try", is_permanent="on")
    assert response.headers["Location"] == "/flags/new-search/"
    flag = Flag.objects.get()
    assert (flag.key, flag.label, flag.type, flag.description, flag.is_permanent) == (
        "new-search",
        "Search anew",
        kind,
        "For a try",
        True,
    )
    assert flag.created_by_name == "omar"
    assert not flag_enabled("new-search", default=True)
    assert AuditEvent.objects.filter(action="flag.created", target_id="new-search").exists()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("new search", "A key has no spaces: write new-search instead."),
        ("New\u00a0Search 2", "A key has no spaces: write new-search-2 instead."),
        ("ää bb", "A key has no spaces: write new-search instead."),
        (
            "New-Search",
            "“New-Search” is no key for a flag: use small letters, digits, - _ and dots, such as new-search.",
        ),
        ("flag:x", "“flag:x” is no key for a flag: use small letters, digits, - _ and dots, such as new-search."),
        ("x" * 61, "A key has at most 60 characters; this has 61."),
        ("new", "“new” stands for a page here: take another key."),
        ("proposals", "“proposals” stands for a page here: take another key."),
        ("taken", "There is a flag taken already."),
        ("gone", "gone was archived. Bring it back instead."),
        ("", "This field is required."),
    ],
)
def test_a_key_that_cannot_be_is_told_in_one_sentence(operator: Client, key: str, sentence: str) -> None:
    make("taken")
    make("gone")
    archive_flag(actor=None, key="gone")
    response = create(operator, key=key)
    assert response.status_code == 422
    assert response.context["form"].errors == {"key": [sentence]}
    assert 'value="Search anew"' in response.content.decode(), "nothing typed is lost"
    assert Flag.objects.count() == 2


def test_one_that_is_there_is_a_click_away(operator: Client) -> None:
    make("taken")
    assert 'href="/flags/taken/"' in create(operator, key="taken").content.decode()


@pytest.mark.parametrize(
    "odd", [{"type": "secret"}, {"label": ""}, {"label": "\x00"}, {"label": "x" * 121}, {"description": "x" * 501}]
)
def test_odd_forms_create_nothing(operator: Client, odd: dict[str, str]) -> None:
    assert create(operator, **odd).status_code == 422
    assert not Flag.objects.exists()


@pytest.mark.parametrize("key", ["\x00", "x" * 5000, "flag\x00x"])
def test_odd_keys_are_answered(operator: Client, key: str) -> None:
    assert create(operator, key=key).status_code == 422
    assert operator.get("/flags/new/", {"key": key}).status_code == 200


def test_a_key_that_was_asked_for_is_filled_in(operator: Client) -> None:
    assert 'value="missing"' in operator.get("/flags/new/?key=missing").content.decode()


def test_only_who_may_write_creates_and_describes(viewer: Client, person: Client) -> None:
    make()
    for client in (viewer, person):
        assert client.get("/flags/new/").status_code == 403
        assert create(client, key="other").status_code == 403
        assert client.post("/flags/new-search/describe/", {"label": "Mine", "version": 1}).status_code == 403
    assert Flag.objects.get().label == "Search anew"


def test_a_flag_is_described_anew(operator: Client) -> None:
    make()
    assert 'value="Search anew"' in operator.get("/flags/new-search/describe/").content.decode()
    given = {"label": "Better search", "description": "Until spring", "is_permanent": "on", "version": 1}
    assert operator.post("/flags/new-search/describe/", given).headers["Location"] == "/flags/new-search/"
    flag = Flag.objects.get()
    assert (flag.label, flag.description, flag.is_permanent, flag.version) == ("Better search", "Until spring", True, 2)
    event = AuditEvent.objects.get(action="flag.described")
    assert (event.before or {})["label"] == "Search anew"
    operator.post("/flags/new-search/describe/", given | {"version": 2})
    assert Flag.objects.get().version == 2


def test_who_describes_second_chooses(operator: Client) -> None:
    make()
    describe_flag(actor=None, key="new-search", description=Description(label="Theirs"))
    response = operator.post("/flags/new-search/describe/", {"label": "Mine", "version": 1})
    html = response.content.decode()
    assert response.status_code == 409
    assert "<del>Theirs</del><ins>Mine</ins>" in html
    assert 'name="version" value="2"' in html
    assert Flag.objects.get().label == "Theirs"
    operator.post("/flags/new-search/describe/", {"label": "Mine", "version": 2})
    assert Flag.objects.get().label == "Mine"


@pytest.mark.parametrize("odd", [{"label": ""}, {"version": "\x00"}, {"version": "9" * 40}, {"description": "\x00"}])
def test_odd_descriptions_change_nothing(operator: Client, odd: dict[str, str]) -> None:
    make()
    given = {"label": "Mine", "description": "", "version": "1"} | odd
    assert operator.post("/flags/new-search/describe/", given).status_code == 422
    assert Flag.objects.get().version == 1


def test_what_is_not_there_is_not_described(operator: Client) -> None:
    make("gone")
    archive_flag(actor=None, key="gone")
    for key in ("nothing", "gone", "GONE", "%00"):
        assert operator.get(f"/flags/{key}/describe/").status_code == 404
