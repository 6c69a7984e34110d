"""Real rows for every address that names one: what the house has, and what each person has."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.utils import timezone

from accounts.models import BulkAct, Device, Identity, IdentityProvider, Passkey, Session, User, UserImport
from chat.models import Attachment, Conversation, Folder, Message, Model, PromptVersion, Provider, SystemPrompt
from rbac.actions.permission import declare_permission
from rbac.models import Assignment, ClaimRole, Review, ReviewItem, Role
from settings_store.actions import Description, change_setting, create_definition, create_flag, submit_change
from settings_store.actions.transfer import start_import
from settings_store.definitions import Definition
from settings_store.flag.rules import FlagType
from settings_store.models import AuditEvent, Proposal, SettingImport
from settings_store.transfer.entries import Entry
from settings_store.values import SettingType
from tests.factories import client_of, make_user, role_named
from tests.routes import Route

SLUG = "elsewhere"
TEXT, SECRET, FLAG, PERMISSION = "house.motto", "house.token", "ninth-floor", "document:create"


# What stands behind the question mark where an address alone is no question.
QUERIES = {
    "settings_store:audit_export": "format=csv",
    "settings_store:flag_people": "field=as",
    "settings_store:rollback_apply": "kind=moment",
    "settings_store:rollback_preview": "kind=moment",
    "settings_store:setting_events": "environment=production",
}


@dataclass(slots=True)
class Rows:
    """What stands for the parameters of an address: by the beginning of its route and the name of the parameter."""

    ids: dict[tuple[str, str], object] = field(default_factory=dict)

    def __or__(self, other: Rows) -> Rows:
        return Rows({**self.ids, **other.ids})

    def path(self, route: Route) -> str:
        """The address of a route with these rows; KeyError where there is none for one of its parameters."""
        path = route.path_to(**{name: self._id(route.route, name) for name in route.parameters})
        return f"{path}?{QUERIES[route.name]}" if route.name in QUERIES else path

    def _id(self, route: str, name: str) -> object:
        fitting = [prefix for prefix, known in self.ids if known == name and route.startswith(prefix)]
        if not fitting:
            raise KeyError(f"no row stands for {name} in {route}")
        return self.ids[max(fitting, key=len), name]


def rows_of_house() -> Rows:
    """What belongs to nobody: a model server, a prompt, a role, an identity provider, settings, flags, proposals."""
    # Switched off, so that nothing here asks a model.
    server = Provider.objects.create(
        name="Elsewhere", name_key="elsewhere", base_url="http://127.0.0.1:9/v1", is_enabled=False
    )
    model = Model.objects.create(provider=server, name="small")
    prompts = [
        SystemPrompt.objects.create(name=name, name_key=name.lower(), content="Be brief.", default_mark=mark)
        for name, mark in (("Brief", True), ("Long", None))
    ]
    # One that says something else now, so that there is something to restore.
    PromptVersion.objects.create(prompt=prompts[1], number=1, content="Be long.")
    provider = IdentityProvider.objects.create(
        name="Elsewhere", slug=SLUG, issuer="https://elsewhere.example", client_id="house"
    )
    claim_role = ClaimRole.objects.create(provider=provider, value="staff", role=role_named("guest"))
    role = Role.objects.get(system_key="user")
    create_definition(actor=None, definition=_definition(TEXT, SettingType.STRING))
    create_definition(actor=None, definition=_definition(SECRET, SettingType.SECRET))
    create_flag(actor=None, key=FLAG, kind=FlagType.BOOLEAN, description=Description(label="Ninth floor"))
    for key, value in ((TEXT, "Upward"), (SECRET, "hush")):
        submit_change(actor=None, key=key, environment="production", value=value)
    change_setting(actor=None, key="accounts.registration.policy", environment="default", value="open")
    tomorrow = timezone.now() + timedelta(days=1)
    proposals = {}
    for realm, key, value in (("settings", TEXT, "Onward"), ("flags", f"flag:{FLAG}", '{"on": true}')):
        submit_change(actor=None, key=key, environment="production", value=value, apply_at=tomorrow)
        proposals[realm] = Proposal.objects.get(key=key).public_id
    declare_permission(actor=None, name=PERMISSION, label="Create documents", program="archive")
    line = _review()
    event = AuditEvent.objects.latest("sequence")
    secrets = {("settings/<str:key>/" + word, "key"): SECRET for word in ("secret/", "reveal/", "copy/")}
    return Rows(
        {
            ("models/", "public_id"): server.public_id,
            ("models/", "model_id"): model.public_id,
            ("prompts/", "public_id"): prompts[1].public_id,
            ("prompts/", "number"): 1,
            ("identity-providers/", "slug"): SLUG,
            ("identity-providers/", "claim_role_id"): claim_role.pk,
            ("login/", "slug"): SLUG,
            ("step-up/", "slug"): SLUG,
            ("profile/security/providers/", "slug"): SLUG,
            ("roles/", "role_id"): role.public_id,
            ("roles/permissions/", "name"): PERMISSION,
            ("api/permissions/", "name"): PERMISSION,
            ("roles/reviews/", "review_id"): line.review.public_id,
            ("roles/reviews/", "line_id"): line.public_id,
            ("settings/", "key"): TEXT,
            ("flags/", "key"): FLAG,
            ("^ofrep/", "key"): FLAG,
            ("settings/proposals/", "public_id"): proposals["settings"],
            ("flags/proposals/", "public_id"): proposals["flags"],
            ("audit/", "sequence"): event.sequence,
            **secrets,
        }
    )


def rows_of(person: User) -> Rows:
    """What somebody has: a conversation with an answer, a session, a device, a passkey, acts and imports they began."""
    conversation, answer, file = _conversation(person)
    client_of(person)
    # The newest: another may be the one that the test itself looks with.
    session = Session.objects.filter(user=person).latest("signed_in_at")
    device = Device.objects.create(user=person, token_hash=_digest(person), trusted_until=timezone.now())
    passkey = Passkey.objects.create(
        user=person, name="Laptop", credential_id=b"1", credential_key=_digest(person), public_key=b"1"
    )
    Identity.objects.create(user=person, provider=IdentityProvider.objects.get(slug=SLUG), subject=person.username)
    act = BulkAct.objects.create(
        act="sign-out", state=BulkAct.State.DONE, created_by=person, people=[person.pk], total=1
    )
    brought = UserImport.objects.create(created_by=person, filename="people.csv")
    role = Assignment.objects.filter(user=person).values_list("role__public_id", flat=True).first()
    return Rows(
        {
            ("chat/", "public_id"): conversation.public_id,
            ("chat/", "message_id"): answer.public_id,
            # What somebody wrote themselves is edited, and has files.
            ("chat/<uuid:public_id>/messages/<uuid:message_id>/edit", "message_id"): file.message.public_id,
            ("chat/<uuid:public_id>/messages/<uuid:message_id>/files/", "message_id"): file.message.public_id,
            ("chat/", "file_id"): file.public_id,
            ("chat/bin/", "public_id"): _thrown_away(person).public_id,
            ("chat/folders/", "folder_id"): Folder.objects.create(owner=person, name="A", name_key="a").public_id,
            ("conversations/", "public_id"): conversation.public_id,
            ("users/", "user_id"): person.public_id,
            ("users/", "role_id"): role,
            ("users/", "session_id"): session.public_id,
            ("users/acts/", "act_id"): act.public_id,
            ("users/import/", "import_id"): brought.public_id,
            ("profile/", "session_id"): session.public_id,
            ("profile/", "device_id"): device.public_id,
            ("profile/", "passkey_id"): passkey.public_id,
            ("settings/import/", "public_id"): _import(person),
        }
    )


def _review() -> ReviewItem:
    """A review that has just begun, with the one line it is about."""
    reviewed = Assignment.objects.get(user=make_user(username="reviewed"))
    review = Review.objects.create(subject="User", role=reviewed.role)
    return ReviewItem.objects.create(review=review, assignment=reviewed, user=reviewed.user, role_name="User")


def _conversation(person: User) -> tuple[Conversation, Message, Attachment]:
    conversation = Conversation.objects.create(owner=person, title="A private matter")
    question, answer = (
        Message(conversation=conversation, role=role, status=Message.Status.COMPLETE, content=content)
        for role, content in ((Message.Role.USER, "Hello"), (Message.Role.ASSISTANT, "Good day"))
    )
    question.save()
    answer.parent = question
    answer.save()
    conversation.active_leaf = answer
    conversation.save()
    file = Attachment.objects.create(message=question, name="notes.txt", content="Remember", size=8)
    return conversation, answer, file


def _thrown_away(person: User) -> Conversation:
    return Conversation.objects.create(owner=person, title="Thrown away", deleted_at=timezone.now())


def _import(person: User) -> UUID:
    entries = [Entry(place="line 1", key=TEXT, environment="production", text="Onward")]
    start_import(actor=person, name="settings.toml", entries=entries)
    found: UUID = SettingImport.objects.filter(author_id=person.pk).latest("pk").public_id
    return found


def _definition(key: str, kind: SettingType) -> Definition:
    return Definition(key=key, type=kind, default="", label=key, category="House", required=False, is_own=True)


def _digest(person: User) -> str:
    return sha256(person.username.encode()).hexdigest()
