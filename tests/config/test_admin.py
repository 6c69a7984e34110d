"""The Django admin shows everything to those who may see it, and changes nothing but settings, as their pages do."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model as Row
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult

from accounts.models import (
    BulkAct,
    Device,
    Identity,
    IdentityProvider,
    Lockout,
    Passkey,
    RecoveryCode,
    Session,
    Totp,
    User,
    UserImport,
)
from chat.actions.prompt import create_prompt
from chat.actions.provider import create_provider
from chat.models import (
    Attachment,
    Conversation,
    Folder,
    HealthSample,
    Message,
    Model,
    PromptVersion,
    SystemPrompt,
    Tag,
)
from rbac.models import Assignment, ClaimRole, CustomPermission, Review, ReviewItem, Role
from rbac.role_map import changing_roles
from settings_store.models import (
    AuditEvent,
    ChainKey,
    Flag,
    FlagUse,
    KeyUse,
    LimitCounter,
    OwnSetting,
    Proposal,
    Protection,
    SealedVersion,
    Setting,
    SettingImport,
    SettingVersion,
)
from tests.factories import PASSWORD, client_of, make_user
from ui.admin import ViewOnlyAdmin

pytestmark = pytest.mark.django_db
REGISTERED = sorted((model._meta.label_lower for model in admin.site._registry), key=str)
SEALED = b"sealed-canary-bytes"
# Its forms save through the actions of the house; they have tests of their own.
OPEN = {"settings_store.setting", "accounts.user"}


def model_of(label: str) -> type[Row]:
    return apps.get_model(label)


def address(label: str, page: str, *args: object) -> str:
    app, name = label.split(".")
    return reverse(f"admin:{app}_{name}_{page}", args=args)


@pytest.fixture
def person() -> User:
    return make_user(role="admin", username="the.admin", full_name="Ada Admin")


@pytest.fixture
def rows(person: User) -> dict[str, Row]:
    """One row of every model, with something secret wherever there is room for it."""
    provider = create_provider(actor=person, name="Server", base_url="https://models.example.com/v1", key="sk-canary")
    model = Model.objects.create(provider=provider, name="qwen3")
    prompt = create_prompt(actor=person, name="Prompt", content="Be brief.")
    talk = Conversation.objects.create(owner=make_user(full_name="Ana Ruiz"), title="Talk", model=model)
    message = Message.objects.create(conversation=talk, role="user", content="what was said")
    setting = Setting.objects.create(key="a.secret", environment="production", version=1, sealed=SEALED)
    event = AuditEvent.objects.latest("sequence")
    version = SettingVersion.objects.create(setting=setting, version=1, at=event.at, actor_name="x")
    client_of(person)
    counter = LimitCounter.objects.create(key="k", window_ends=event.at)
    made: list[Row] = [provider, model, prompt, talk, message, setting, version, event, counter]
    made += [person, Session.objects.latest("last_activity"), Assignment.objects.latest("id")]
    made.append(
        DBTaskResult.objects.create(task_path="a.task", args_kwargs={"args": ["task-canary"]}, run_after=event.at)
    )
    made += [
        PromptVersion.objects.latest("pk"),
        HealthSample.objects.create(provider=provider, began_at=event.at),
        Folder.objects.create(owner=person, name="Letters", name_key="letters"),
        Tag.objects.create(owner=person, name="urgent", name_key="urgent"),
        Attachment.objects.create(message=message, name="notes.txt", content="what was attached", size=17),
    ]
    made.append(LogEntry.objects.create(user=person, object_repr="thing", action_flag=CHANGE))
    made += [
        SealedVersion.objects.create(version=version, sealed=SEALED),
        OwnSetting.objects.create(key="own.setting", type="string", label="Own", created_by_name="x"),
        Protection.objects.create(key="a.secret", by_name="x"),
        Proposal.objects.create(key="a.secret", act="set", status="awaiting", sealed=SEALED, author_name="x"),
        SettingImport.objects.create(name="a file", sealed=SEALED, total=1, author_name="x"),
        KeyUse.objects.create(key_id="k", environment="production"),
        ChainKey.objects.create(key_id="k", sealed=SEALED),
        Flag.objects.create(key="new-search", type="boolean", label="New search", created_by_name="x"),
        FlagUse.objects.create(key="new-search", environment="production", last_at=event.at),
    ]
    vouching = IdentityProvider.objects.create(name="Sign-on", slug="sign-on", issuer="x", sealed_secret=SEALED)
    made += [
        vouching,
        Device.objects.create(user=person, token_hash="hash-canary"),
        Totp.objects.create(user=person, sealed_secret=SEALED),
        RecoveryCode.objects.create(user=person, digest="digest-canary"),
        Passkey.objects.create(user=person, name="Phone", credential_id=b"x", public_key=b"y"),
        Lockout.objects.create(user=person, until=event.at),
        Identity.objects.create(user=person, provider=vouching, subject="s"),
        BulkAct.objects.create(act="deactivate", created_by=person),
        UserImport.objects.create(filename="people.csv", created_by=person, sealed_file=SEALED),
        ClaimRole.objects.create(provider=vouching, value="staff", role=Role.objects.latest("pk")),
    ]
    right = Permission.objects.create(
        content_type=ContentType.objects.get_for_model(CustomPermission),
        codename="document.read",
        name="Read documents",
    )
    review = Review.objects.create(subject="Admin", started_by=person)
    made += [
        CustomPermission.objects.create(permission=right, name="document.read", label="Read documents"),
        review,
        ReviewItem.objects.create(review=review, user=person, role_name="Admin"),
    ]
    for kind in (Role, Group, Permission):
        made.append(kind.objects.latest("pk"))
    found = {row._meta.label_lower: row for row in made}
    for label in REGISTERED:
        found.setdefault(label, model_of(label)._default_manager.first())  # type: ignore[arg-type]
    return found


def test_every_model_is_there_to_browse_and_to_search() -> None:
    assert {model._meta.label_lower for model in apps.get_models()} == set(REGISTERED)
    assert all(page.search_fields for page in admin.site._registry.values())


def test_only_view_only_pages_are_there() -> None:
    assert all(isinstance(page, ViewOnlyAdmin) for page in admin.site._registry.values())
    admin.site.register(SystemPrompt, admin.ModelAdmin)
    assert isinstance(admin.site._registry[SystemPrompt], ViewOnlyAdmin)


@pytest.mark.parametrize("label", REGISTERED)
def test_an_admin_browses_searches_and_opens(person: User, rows: dict[str, Row], label: str) -> None:
    client = client_of(person)
    assert client.get(address(label, "changelist")).status_code == 200
    for words in ("a", "7", "\0"):
        assert client.get(address(label, "changelist"), {"q": words}).status_code == 200
    assert client.get(address(label, "change", rows[label].pk)).status_code == 200


@pytest.mark.parametrize("label", sorted(set(REGISTERED) - OPEN))
def test_nobody_adds_changes_or_deletes(person: User, rows: dict[str, Row], label: str) -> None:
    person.is_superuser = True
    person.save()
    client = client_of(person)
    pk = rows[label].pk
    before = list(model_of(label)._default_manager.order_by("pk").values())
    events = AuditEvent.objects.count()
    names = [field.name for field in model_of(label)._meta.get_fields()]
    data = dict.fromkeys(names, "1") | {
        "_save": "Save",
        "post": "yes",
        "action": "delete_selected",
        "_selected_action": pk,
    }
    for page, args in (("add", ()), ("changelist", ()), ("change", (pk,)), ("delete", (pk,)), ("history", (pk,))):
        response = client.post(address(label, page, *args), data)
        assert response.status_code in {403, 404, 405} or page == "changelist", (page, response.status_code)
    assert client.get(address(label, "add")).status_code == 403
    assert client.get(address(label, "delete", pk)).status_code == 403
    if label not in {"settings_store.auditevent", "settings_store.audithead"}:
        ignored = {"last_activity", "session_data", "expire_date"}
        after = list(model_of(label)._default_manager.order_by("pk").values())
        assert [without(row, ignored) for row in after] == [without(row, ignored) for row in before]
    assert AuditEvent.objects.count() - events <= 2, "only openings of conversations are noted"


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_an_operator_cannot_raise_themselves() -> None:
    operator = make_user(role="operator")
    client = client_of(operator)
    raised = {"username": operator.username, "email": operator.email, "is_superuser": "on", "is_active": "on"}
    assert client.post(address("accounts.user", "change", operator.pk), raised).status_code == 403
    client.post(f"/admin/accounts/user/{operator.pk}/password/", {"password1": "x" * 20, "password2": "x" * 20})
    assert client.post(address("rbac.assignment", "add"), {"user": operator.pk, "role": 1}).status_code == 403
    assert client.post(address("rbac.role", "changelist"), {"action": "delete_selected"}).status_code == 403
    operator.refresh_from_db()
    assert not operator.is_superuser
    assert operator.check_password(PASSWORD)


def test_each_sees_the_models_of_their_rights_alone() -> None:
    page = client_of(make_user(role="operator")).get("/admin/").content.decode()
    assert "/admin/chat/provider/" in page
    assert "/admin/settings_store/setting/" in page
    for hidden in ("accounts/user", "chat/conversation", "chat/message", "rbac/role", "auditevent"):
        assert hidden not in page
    client = client_of(make_user(role="operator"))
    for label in ("accounts.user", "chat.conversation", "chat.message", "rbac.assignment", "settings_store.auditevent"):
        assert client.get(address(label, "changelist")).status_code == 403


@pytest.mark.parametrize("missing", ["conversations.oversee", "conversations.all"])
def test_without_scope_the_admin_shows_no_conversation(missing: str) -> None:
    held = {"system.read", "conversations.oversee", "conversations.all"} - {missing}
    group = Group.objects.create(name="odd")
    role = Role.objects.create(group=group, name="odd", name_key="odd", priority=1)
    make_user(role="user")  # seeds the permissions
    with changing_roles():
        group.permissions.set(Permission.objects.filter(codename__in=held))
    someone = make_user(role=None)
    Assignment.objects.create(user=someone, role=role)
    client = client_of(someone)
    assert client.get("/admin/").status_code == 200
    assert client.get(address("chat.conversation", "changelist")).status_code == 403


@pytest.mark.parametrize("role", ["manager", "supervisor", "user", "viewer", "guest"])
def test_without_the_right_the_admin_stays_shut(role: str) -> None:
    client = client_of(make_user(role=role))
    assert client.get("/admin/").status_code == 403
    assert client.get("/admin/login/").status_code == 403


def test_who_must_change_the_password_does_that_first() -> None:
    client = client_of(make_user(role="admin", must_change_password=True))
    for page in ("/admin/", "/admin/login/", "/admin/accounts/user/"):
        assert client.get(page).headers["Location"].startswith("/password/")


def test_its_doors_lead_to_those_of_the_house(person: User) -> None:
    anyone = Client()
    assert anyone.get("/admin/", follow=True).redirect_chain[-1] == ("/login/?next=%2Fadmin%2F", 302)
    assert anyone.get("/admin/login/?next=/admin/chat/").headers["Location"] == "/login/?next=%2Fadmin%2Fchat%2F"
    response = anyone.post("/admin/login/", {"username": "the.admin", "password": PASSWORD})
    assert response.status_code == 302
    assert anyone.get("/admin/").status_code == 302, "a second door let somebody in"
    client = client_of(person)
    assert client.get("/admin/password_change/").headers["Location"] == "/password/"
    assert client.get("/admin/logout/").headers["Location"] == "/"
    assert client.get("/admin/").status_code == 200
    assert client.post("/admin/logout/", follow=True).status_code == 200
    assert client.get("/admin/").status_code == 302


def test_a_forged_next_leads_nowhere_else() -> None:
    location = Client().get("/admin/login/?next=https://evil.example/").headers["Location"]
    assert location.startswith("/login/?next=")


def test_no_secret_is_on_any_page(person: User, rows: dict[str, Row]) -> None:
    client = client_of(person)
    secrets = [
        person.password,
        SEALED.decode(),
        "sk-canary",
        "task-canary",
        repr(bytes(rows["chat.provider"].sealed_key))[2:-1],  # type: ignore[attr-defined]
        Session.objects.latest("last_activity").session_data,
    ]
    for label in REGISTERED:
        pages = [address(label, "changelist"), address(label, "change", rows[label].pk)]
        for page in pages:
            text = client.get(page).content.decode()
            for secret in secrets:
                assert secret not in text, page
    sessions = client.get(address("accounts.session", "changelist")).content.decode()
    assert not any(key in sessions for key in Session.objects.values_list("session_key", flat=True))


@pytest.mark.parametrize(
    "question",
    ["password__startswith=a", "sealed_key__isnull=0", "session_data__contains=x", "owner__password__startswith=a"],
)
def test_the_address_asks_for_no_hidden_column(person: User, question: str) -> None:
    client = client_of(person)
    for label in ("accounts.user", "accounts.session", "chat.provider", "chat.conversation"):
        response = client.get(f"{address(label, 'changelist')}?{question}")
        assert response.status_code == 400, label


@pytest.mark.parametrize(
    "question",
    [
        "created_at__year=9999",
        "created_at__year=1",
        f"created_at__year={'9' * 20}",
        f"created_at__year={'9' * 5000}",
        "created_at__month=99999999999",
        "created_at__year=2026&created_at__month=0",
        "created_at__year=2026&created_at__month=2&created_at__day=99",
        "created_at__gte=nonsense",
        "created_at=%00",
        "role__regex=((",
        "role__exact=%00",
        "role__in=user,",
        "role=%00",
    ],
)
def test_the_address_asks_nothing_a_database_stumbles_over(person: User, question: str) -> None:
    response = client_of(person).get(f"{address('chat.message', 'changelist')}?{question}")
    assert response.status_code == 400


@pytest.mark.parametrize("label", REGISTERED)
def test_every_filter_a_page_offers_works(person: User, rows: dict[str, Row], label: str) -> None:
    client = client_of(person)
    page = address(label, "changelist")
    text = client.get(page).content.decode()
    for question in set(re.findall(r'href="(\?[^"]+)"', text)):
        assert client.get(page + html.unescape(question)).status_code == 200, question


def test_a_day_that_is_none_shows_the_whole_list(person: User) -> None:
    page = address("settings_store.auditevent", "changelist")
    response = client_of(person).get(f"{page}?at__year=2026&at__month=2&at__day=30")
    assert response.headers["Location"] == f"{page}?e=1"


def test_reading_another_ones_conversation_here_is_noted_too(person: User, rows: dict[str, Row]) -> None:
    client = client_of(person)
    client.get(address("chat.conversation", "changelist"), {"q": "Talk"})
    client.get(address("chat.message", "changelist"), {"q": "said"})
    assert not AuditEvent.objects.filter(action="conversation.opened").exists()
    client.get(address("chat.conversation", "change", rows["chat.conversation"].pk))
    client.get(address("chat.message", "change", rows["chat.message"].pk))
    assert AuditEvent.objects.filter(action="conversation.opened", actor_id=person.pk).count() == 2


def test_the_list_of_messages_shows_no_text(person: User, rows: dict[str, Row]) -> None:
    page = client_of(person).get(address("chat.message", "changelist")).content.decode()
    assert str(rows["chat.message"].public_id) in page  # type: ignore[attr-defined]
    assert "what was said" not in page


@pytest.mark.parametrize("pk", ["999999", "nonsense", "1e400", "%00", "9" * 50])
def test_odd_ids_lead_home(person: User, pk: str) -> None:
    response = client_of(person).get(f"/admin/accounts/user/{pk}/change/")
    assert response.status_code in {302, 400, 404}
