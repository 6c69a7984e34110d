"""What the trail says of one object, on the object's own page."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client

from chat.models import Conversation, SystemPrompt
from rbac.actions import create_role
from rbac.models import Assignment, Role
from settings_store import audit
from settings_store.actions import change_setting
from settings_store.models import AuditEvent, Setting
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def places(admin: Client) -> dict[str, str]:
    """The history of one object of each kind, with the types of the objects."""
    person = make_user(username="bo", role="user")
    role = Role.objects.get(name_key="viewer")
    prompt = SystemPrompt.objects.create(name="Short", name_key="short", content="Be short.")
    conversation = Conversation.objects.create(owner=person, title="Meters")
    change_setting(actor=None, key="settings_store.reason_required", environment="staging", value="true")
    setting = Setting.objects.get(environment="staging")
    for each in (person, role, prompt, conversation, setting):
        audit.record("thing.touched", actor=None, target=each, reason="for the test")
    audit.record("other.touched", actor=None, target=make_user(username="cy"))
    return {
        "accounts.user": f"/users/{person.public_id}/history/",
        "rbac.role": f"/roles/{role.public_id}/history/",
        "chat.systemprompt": f"/prompts/{prompt.public_id}/history/",
        "chat.conversation": f"/conversations/{conversation.public_id}/history/",
        "settings_store.setting": "/settings/settings_store.reason_required/events/?environment=staging",
    }


def test_each_shows_the_events_of_its_object_alone(admin: Client, places: dict[str, str]) -> None:
    for kind, url in places.items():
        response = admin.get(url)
        assert response.status_code == 200, url
        events = response.context["page"].rows
        assert events[0].action == "thing.touched"
        assert {event.target_type for event in events} == {kind}
        assert "other.touched" not in response.content.decode()


def test_each_is_reached_from_the_trail_and_from_the_page_of_its_object(admin: Client, places: dict[str, str]) -> None:
    for kind, url in places.items():
        event = AuditEvent.objects.filter(action="thing.touched", target_type=kind).latest("sequence")
        page = admin.get(f"/audit/{event.pk}/").context["object_url"]
        assert page, kind
        assert url.partition("?")[0] in admin.get(page).content.decode()


def test_who_may_not_see_the_object_sees_no_history_of_it(
    viewer: Client, person: Client, client: Client, places: dict[str, str]
) -> None:
    for kind, url in places.items():
        # The viewer reads the trail and the settings, but neither people nor roles nor conversations.
        assert viewer.get(url).status_code == (200 if kind == "settings_store.setting" else 403), url
        assert person.get(url).status_code == 403
        assert client.get(url).status_code == 302
        event = AuditEvent.objects.filter(target_type=kind).latest("sequence")
        shown = viewer.get(f"/audit/{event.pk}/").context["object_url"]
        assert bool(shown) == (kind == "settings_store.setting")


def test_the_history_of_somebody_outside_the_team_is_not_there() -> None:
    supervisor = make_user(role="supervisor", username="sup")
    stranger = make_user(username="stranger")
    url = f"/users/{stranger.public_id}/history/"
    assert client_of(supervisor).get(url).status_code == 403
    reader = create_role(actor=None, name="Reader of the trail", priority=10, permissions=["audit.read"])
    Assignment.objects.create(user=supervisor, role=reader)
    assert client_of(supervisor).get(url).status_code == 404
    assert client_of(supervisor).get(f"/users/{supervisor.public_id}/history/").status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "/settings/%00/events/",
        "/settings/settings_store.reason_required/events/?environment=%00",
        "/settings/settings_store.reason_required/events/?environment=elsewhere",
    ],
)
def test_the_history_of_what_could_not_be_a_setting_is_not_there(viewer: Client, url: str) -> None:
    assert viewer.get(url).status_code == 404


def test_an_object_that_is_gone_is_no_link(admin: Client) -> None:
    for kind in ("accounts.user", "rbac.role", "chat.conversation", "settings_store.setting", "nobody.knows"):
        for number in ("0", "x", "0198c0de-0000-7000-8000-000000000000", "9" * 40):
            with transaction.atomic():
                event = audit.record("a.b", actor=None, target_type=kind, target_id=number, target_name="gone")
            assert admin.get(f"/audit/{event.pk}/").context["object_url"] == ""
