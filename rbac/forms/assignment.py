"""What people send about who holds a role, cleaned; whether they may is for the actions to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.names import EMAIL_LENGTH, key_of, storable
from rbac.actions.assignment import FIELDS, edition, end_refusal
from rbac.forms.fields import GivingForm, LineField, MomentField
from rbac.models import Assignment, Role
from ui.forms import CharField


class SpanForm(forms.Form):
    """The reason, and from when until when."""

    reason = LineField(label=_("Reason"), max_length=300, required=False)
    starts_at = MomentField(label=_("From"), required=False, help_text=_("Empty: from now on."))
    ends_at = MomentField(label=_("Until"), required=False, help_text=_("Empty: no end."))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if sentence := end_refusal(cleaned.get("starts_at"), cleaned.get("ends_at")):
            self.add_error("ends_at", sentence)
        return cleaned


class AssignmentForm(GivingForm, SpanForm):
    """A role for a person."""

    field_order = ("role", *SpanForm.base_fields)


class HeldRoleForm(GivingForm):
    """A role that people hold; whoever comes from its page with it chosen has chosen it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.about:
            self.fields["role"].widget = forms.HiddenInput()

    @cached_property
    def about(self) -> str:
        """What the page is headed by, where it is about one role."""
        key = str(self.initial.get("role", ""))
        role = Role.objects.filter(pk=key).first() if key.isdecimal() else None
        return role.name if role else ""


class EndRoleForm(HeldRoleForm):
    reason = LineField(label=_("Reason"), max_length=300, required=False)


class RoleUntilForm(HeldRoleForm):
    ends_at = MomentField(label=_("Until"), required=False, help_text=_("Empty: no end."))

    def clean_ends_at(self) -> datetime | None:
        ends_at: datetime | None = self.cleaned_data["ends_at"]
        if sentence := end_refusal(None, ends_at):
            raise ValidationError(sentence)
        return ends_at


class AssignmentEditForm(SpanForm):
    """What may be changed of an assignment; it carries what its writer saw."""

    is_active = forms.BooleanField(
        label=_("Active"), required=False, help_text=_("Paused, it gives nothing until somebody resumes it.")
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(self, data: Any = None, *, assignment: Assignment) -> None:
        kept = {name: getattr(assignment, name) for name in FIELDS}
        super().__init__(data, initial={**kept, "seen": edition(assignment)})
        self.fields["starts_at"].help_text = _("Empty: from when it was given.")

    def clean_starts_at(self) -> datetime | None:
        return self._as_kept("starts_at")

    def clean_ends_at(self) -> datetime | None:
        return self._as_kept("ends_at")

    def _as_kept(self, name: str) -> datetime | None:
        # The page shows minutes: whoever leaves them as they are leaves the seconds too.
        sent: datetime | None = self.cleaned_data[name]
        kept: datetime | None = self.initial[name]
        return kept if sent and kept and sent == kept.replace(second=0, microsecond=0) else sent


class PeopleForm(SpanForm):
    """Who is to hold a role: usernames or email addresses, and those ticked among the people found."""

    MOST = 100

    people = CharField(
        label=_("Usernames or email addresses"),
        required=False,
        max_length=MOST * (EMAIL_LENGTH + 2),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "none"}),
        help_text=_("One to a line, up to 100 in all."),
    )
    person = forms.CharField(required=False, widget=forms.MultipleHiddenInput)
    field_order = ("people", "person", *SpanForm.base_fields)

    def __init__(self, data: QueryDict | None = None, *, actor: User, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.actor = actor

    @property
    def ticked(self) -> list[str]:
        """The usernames ticked so far."""
        names = self.data.getlist("person") if isinstance(self.data, QueryDict) else []
        return list(dict.fromkeys(name[:EMAIL_LENGTH] for name in names))[: self.MOST]

    def clean_people(self) -> list[User]:
        lines = [line.strip() for line in self.cleaned_data["people"].splitlines() if line.strip()]
        names = [*self.ticked, *lines]
        if not names:
            raise ValidationError(_("Name at least one person."), code="required")
        if len(names) > self.MOST:
            raise ValidationError(_("Name 100 people at a time at most; these are %(count)d.") % {"count": len(names)})
        known = people_called(self.actor, names)
        wrong: list[Any] = []
        chosen: dict[int, User] = {}
        for name in names:
            person = known.get(key_of(name))
            if person is None:
                wrong.append(_("There is nobody called “%(name)s” that you may see.") % {"name": name[:80]})
            else:
                # Ticked and typed, or named twice, somebody is meant once.
                chosen[person.pk] = person
        if wrong:
            raise ValidationError(wrong)
        return list(chosen.values())


class ReasonForm(forms.Form):
    reason = LineField(label=_("Reason"), max_length=300, required=False)


def people_called(viewer: User, names: Sequence[str]) -> dict[str, User]:
    """Those the viewer may see by each of these usernames and email addresses as they are compared, in one query."""
    keys = {key for name in names if (key := key_of(name)) and storable(key)}
    found = User.objects.visible_to(viewer).filter(Q(username_key__in=keys) | Q(email_key__in=keys))
    # A username never holds an @, so the two kinds of name cannot be mistaken for one another.
    return {key: person for person in found for key in (person.username_key, person.email_key)}
