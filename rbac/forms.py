"""What people send about roles, cleaned; whether they may is for the actions to say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actions.user import refuse_taken
from accounts.models import User
from accounts.names import EMAIL_LENGTH, clean_email, key_of
from rbac.backend import ranked
from rbac.models import Role, RoleQuerySet
from rbac.role_map import current_role_map
from rbac.rules import outranked, reach_in_words, role_refusal
from rbac.system_roles import BY_KEY
from ui.forms import CharField
from ui.registry import registry


class LineField(CharField):
    """One line of text without control characters."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value)
        if any(character.isspace() and character != " " for character in text) or not text.isprintable():
            raise ValidationError(_("Use letters, digits, signs and spaces only."), code="unprintable")
        return text


class RoleChoice(forms.ModelChoiceField[Role]):
    def to_python(self, value: Any) -> Role | None:
        # A key that is no number at all, or holds what no database takes, names no role.
        text = str(value) if value else ""
        return super().to_python(text if text.isascii() and text.isdigit() and len(text) < 19 else text and "0")


class RoleForm(forms.Form):
    """Details and own permissions of a role; those of a system role that cannot change are not asked for."""

    name = LineField(label=_("Name"), max_length=60)
    description = LineField(label=_("Description"), max_length=300, required=False)
    priority = forms.IntegerField(
        label=_("Priority"),
        min_value=1,
        max_value=1000,
        initial=10,
    )
    parent = RoleChoice(
        Role.objects.none(),
        label=_("Inherits from"),
        required=False,
        empty_label=_("no other role"),
        help_text=_("What that role may do, this one may do too."),
    )
    requires_factor = forms.BooleanField(label=_("Asks for a second factor"), required=False)
    permissions = forms.MultipleChoiceField(required=False, choices=())

    def __init__(self, data: Any = None, *, actor: User, role: Role | None = None) -> None:
        self.actor, self.role = actor, role
        initial = {}
        if role is not None:
            initial = {
                "name": role.name,
                "description": role.description,
                "priority": role.priority,
                "parent": role.parent_id,
                "requires_factor": role.requires_factor,
            }
        super().__init__(data, initial=initial)
        self.fields["priority"].help_text = _("%(reach)s Admin has 100, User 40, Guest 10.") % {
            "reach": reach_in_words(actor)
        }
        self.fields["requires_factor"].help_text = self._what_asking_does()
        parents = Role.objects.by_rank()
        if role is not None:
            parents = parents.exclude(pk__in={role.pk} | current_role_map().descendants(role.pk))
        self.fields["parent"].queryset = parents  # type: ignore[attr-defined]  # Field's own type knows no queryset
        self.fields["permissions"].choices = [  # type: ignore[attr-defined]  # nor choices
            (name, permission.label) for name, permission in registry.permissions.items()
        ]
        if role is not None and role.is_system:
            for name in ("name", "priority", "parent"):
                self.fields[name].disabled = True

    def _what_asking_does(self) -> str:
        words = [
            _("Whoever holds it, or a role that inherits from it, opens nothing before a second factor was given.")
        ]
        if self.role is not None:
            below = {self.role.pk} | current_role_map().descendants(self.role.pk)
            if below & ranked(self.actor).role_ids:
                words.append(
                    _("That is you too: unless this session has seen yours, you are asked for it at your next page.")
                )
        return " ".join(map(str, words))

    def clean_priority(self) -> int:
        priority: int = self.cleaned_data["priority"]
        if refusal := role_refusal(self.actor, priority):
            raise ValidationError(refusal)
        return priority

    def clean_permissions(self) -> frozenset[str]:
        chosen = frozenset(self.cleaned_data["permissions"])
        # Locked boxes are not sent by browsers.
        if self.role is not None and self.role.is_system:
            chosen |= BY_KEY[self.role.name_key].core
        return chosen


class AssignmentForm(forms.Form):
    """A role for a person, with the reason, and from when until when in the person's own time zone."""

    role = RoleChoice(Role.objects.none(), label=_("Role"), empty_label=_("Choose a role"))
    reason = LineField(label=_("Reason"), max_length=300, required=False)
    starts_at = forms.DateTimeField(
        label=_("From"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: from now on."),
    )
    ends_at = forms.DateTimeField(
        label=_("Until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: no end."),
    )

    def __init__(self, data: Any = None, *, actor: User) -> None:
        super().__init__(data)
        self.fields["role"].queryset = assignable_by(actor)  # type: ignore[attr-defined]  # see RoleForm

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if ends_at and ends_at <= max(starts_at or timezone.now(), timezone.now()):
            self.add_error("ends_at", _("The end must lie in the future and after the beginning."))
        return cleaned


class ClaimRoleForm(forms.Form):
    """A value of an identity provider's claim, and the role that it gives."""

    value = LineField(
        label=_("Value of the claim"),
        max_length=200,
        help_text=_("Exactly as the provider writes it, for example the name or the id of a group."),
    )
    role = RoleChoice(Role.objects.none(), label=_("Role"), empty_label=_("Choose a role"))

    def __init__(self, data: Any = None, *, actor: User) -> None:
        super().__init__(data)
        self.fields["role"].queryset = assignable_by(actor)  # type: ignore[attr-defined]  # see RoleForm


class InvitationForm(forms.Form):
    """Whom to invite, into which role, until when that counts, and how long their links are good."""

    MOST = 50

    emails = CharField(
        label=_("Email addresses"),
        max_length=MOST * (EMAIL_LENGTH + 2),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "none"}),
        help_text=_("One to a line, up to 50."),
    )
    role = RoleChoice(Role.objects.none(), label=_("Role"), empty_label=_("Choose a role"))
    ends_at = forms.DateTimeField(
        label=_("Role until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: no end."),
    )
    days = forms.IntegerField(label=_("Link good for"), min_value=1, max_value=90)

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].queryset = assignable_by(actor)  # type: ignore[attr-defined]  # see RoleForm

    def clean_emails(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["emails"].splitlines() if line.strip()]
        if len(lines) > self.MOST:
            raise ValidationError(_("Invite 50 people at a time at most; these are %(count)d.") % {"count": len(lines)})
        found: dict[str, str] = {}
        wrong = []
        for line in lines:
            try:
                email = clean_email(line)
                refuse_taken(email=email)
            except ValidationError as error:
                wrong.append(f"{line[:80]}: {' '.join(error.messages)}")
            else:
                # Written twice, somebody is invited once.
                found.setdefault(key_of(email), email)
        if wrong:
            raise ValidationError(wrong)
        return list(found.values())

    def clean_ends_at(self) -> datetime | None:
        ends_at: datetime | None = self.cleaned_data["ends_at"]
        if ends_at and ends_at <= timezone.now():
            raise ValidationError(_("The end must lie in the future."))
        return ends_at


class ReasonForm(forms.Form):
    reason = LineField(label=_("Reason"), max_length=300, required=False)


def assignable_by(actor: User) -> RoleQuerySet:
    """Roles that `actor` may hand out: within the reach of their rank and with nothing they lack."""
    roles, held = current_role_map(), ranked(actor).granted
    keys = [
        role_id
        for role_id, priority in roles.priorities.items()
        if not outranked(actor, priority) and roles.permissions(role_id) <= held
    ]
    return Role.objects.by_rank().filter(pk__in=keys)
