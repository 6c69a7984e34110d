"""The sample team: believable, the same each time, and unable to open a door."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from chat.models import Conversation, Message, Model, Provider, SystemPrompt
from config.sample_data import DAYS, add_sample_data
from rbac.actions import seed_system_roles
from rbac.models import ReviewItem
from settings_store.audit import verify
from settings_store.flag.share import compiled_for
from settings_store.flags import flag_enabled, flag_variant
from settings_store.models import AuditEvent, Flag, OwnSetting, Proposal, Protection, SettingVersion
from settings_store.realms import FLAG_PREFIX
from settings_store.store import get_setting
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _roles() -> None:
    seed_system_roles()


def test_a_team_of_thirty_in_three_levels_talked_three_hundred_times() -> None:
    made = add_sample_data()
    assert (made["people"], made["conversations"]) == (30, 300)
    assert made["messages"] == Message.objects.count() > 700
    top = User.objects.get(supervisor=None)
    assert User.objects.team_of(top).count() == 29
    assert User.objects.filter(supervisor__supervisor__supervisor=top).exists()
    assert AuditEvent.objects.get(action="installation.sample_data_added").after == made
    assert list(verify()) == []


def test_roles_of_their_own_are_given_paused_and_reviewed() -> None:
    add_sample_data()
    assert User.objects.get(username="chiara.moretti").has_perm("document.publish")
    assert not User.objects.get(username="arjun.patel").has_perm("document.publish")
    lines = ReviewItem.objects.values_list("decision", flat=True)
    assert (lines.filter(decision="confirmed").count(), lines.filter(decision="").exists()) == (3, True)


def test_the_first_admin_finds_conversations_of_their_own() -> None:
    gone = make_user(role="admin", is_active=False)
    first, second = make_user(role="admin"), make_user(role="admin")
    add_sample_data()
    assert Conversation.objects.filter(owner=first).count() == 8
    assert Conversation.objects.filter(owner=first, is_pinned=True).count() == 1
    assert not Conversation.objects.filter(owner__in=[gone, second]).exists()
    assert Conversation.objects.count() == 300
    newest = Conversation.objects.filter(owner=first).order_by("-last_message_at").first()
    assert newest is not None
    assert newest.title in client_of(first).get("/chat/").content.decode()


def test_what_they_say_differs() -> None:
    add_sample_data()
    assert Conversation.objects.values("title").distinct().count() == 300
    contents = Message.objects.values_list("content", flat=True)
    assert len(set(contents)) > 0.85 * len(contents)
    assert not [text for text in contents if "{place}" in text or "{colleague}" in text]


def test_every_conversation_hangs_together() -> None:
    now = timezone.now()
    add_sample_data(now=now)
    for conversation in Conversation.objects.prefetch_related("messages").select_related("active_leaf"):
        messages = sorted(conversation.messages.all(), key=lambda message: message.created_at)
        assert [message.role for message in messages] == ["user", "assistant"] * (len(messages) // 2)
        assert [message.parent_id for message in messages] == [None, *(message.pk for message in messages[:-1])]
        assert conversation.active_leaf == messages[-1]
        assert conversation.message_count == len(messages)
        assert now - timedelta(days=DAYS + 4) < messages[0].created_at < messages[-1].created_at < now


def test_twice_is_once() -> None:
    add_sample_data()
    assert add_sample_data() == {}
    assert User.objects.count() == 30
    assert Conversation.objects.count() == 300


def test_the_same_seed_says_the_same() -> None:
    now = timezone.now()
    add_sample_data(seed=7, now=now)
    first = list(Message.objects.order_by("pk").values_list("content", flat=True))
    Conversation.objects.all().delete()
    SystemPrompt.objects.all().delete()
    User.objects.all().delete()
    Model.objects.all().delete()
    Provider.objects.all().delete()
    OwnSetting.objects.all().delete()
    Protection.objects.all().delete()
    Flag.objects.all().delete()
    add_sample_data(seed=7, now=now)
    assert list(Message.objects.order_by("pk").values_list("content", flat=True)) == first


def test_nobody_of_them_can_sign_in_and_nothing_is_called() -> None:
    add_sample_data()
    assert not [user for user in User.objects.all() if user.has_usable_password()]
    assert not Model.objects.usable().exists()


def test_settings_of_their_own_were_changed_and_wait_for_changes() -> None:
    made = add_sample_data()
    assert get_setting("helvia.support_hours") == "Mo–Sa 7–20"
    versions = SettingVersion.objects.exclude(reason="").exclude(setting__key__startswith=FLAG_PREFIX)
    proposals = Proposal.objects.exclude(key__startswith=FLAG_PREFIX)
    assert versions.count() + proposals.count() == made["changes of settings"]
    pending = dict(proposals.values_list("key", "status"))
    assert pending == {"helvia.refund_limit": "awaiting", "helvia.support_hours": "scheduled"}


def test_flags_differ_by_person_and_environment() -> None:
    made = add_sample_data()
    assert Flag.objects.count() == made["flags"] == 8
    assert list(Flag.objects.exclude(archived_at=None).values_list("key", flat=True)) == ["search.by-meaning"]
    assert list(Flag.objects.filter(is_permanent=True).values_list("key", flat=True)) == ["chat.stop"]
    people = {user.username: user for user in User.objects.all()}
    # Named, held back, by a role, and by what one flag needs of another.
    assert flag_enabled("answers.with-sources", people["rajesh.iyer"])
    assert not flag_enabled("answers.with-sources", people["jonas.weber"])
    assert flag_enabled("model.large-beta", people["kofi.mensah"])
    assert not flag_enabled("model.large-beta", people["priya.nair"])
    marked = {name for name, user in people.items() if flag_enabled("answers.highlight-sources", user)}
    assert marked <= {name for name, user in people.items() if flag_enabled("answers.with-sources", user)}
    assert {flag_variant("model.context-tokens", user) for user in people.values()} == {8192, 16384}
    assert "plain" in str(compiled_for("staging").flags["prompt.style"].variants)
    assert compiled_for("staging").documents["prompt.style"] != compiled_for("production").documents["prompt.style"]
    now = timezone.now()
    with time_machine.travel(now + timedelta(days=2)):
        assert flag_enabled("helvia.storm-banner")
    assert not flag_enabled("helvia.storm-banner")
    assert Proposal.objects.get(key="flag:chat.stop").status == Proposal.Status.AWAITING


def test_people_hold_their_roles_and_a_looker_on_cannot_talk() -> None:
    add_sample_data()
    looker = User.objects.get(username="isabelle.roy")
    assert looker.has_perm("audit.read")
    assert not looker.has_perm("chat.use")
    lead = User.objects.get(username="ana.ruiz")
    seen = Conversation.objects.visible_to(lead)
    assert 0 < seen.count() < 300
    assert set(seen.values_list("owner__username", flat=True)) <= {
        "ana.ruiz",
        *User.objects.team_of(lead).values_list("username", flat=True),
    }


@pytest.mark.schema  # the full text of MariaDB is of what is committed
def test_it_shows_on_the_pages() -> None:
    add_sample_data()
    client = client_of(make_user(role="admin"))
    assert "<mark>" in client.get("/conversations/", {"q": "refund"}).content.decode()
    assert "Plain answers" in client.get("/prompts/").content.decode()
    assert "this server does not exist" in client.get("/models/").content.decode()
