"""What people send about access reviews, cleaned; whether they may is for the actions to say."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.filters import MOST_TEAMS
from accounts.models import User
from rbac.forms.fields import LineField, RoleChoice
from rbac.models import ReviewItem, Role
from rbac.models.review import NOTE_LENGTH
from ui.forms import CharField, uuid_of


class ReviewForm(forms.Form):
    """What to review, a role or the team of somebody, and until when."""

    role = RoleChoice(
        Role.objects.none(),
        label=_("Role"),
        required=False,
        empty_label=_("Choose a role"),
        help_text=_("Lists everybody in your sight who holds it."),
    )
    supervisor = CharField(
        label=_("Or the team of"),
        required=False,
        max_length=254,
        widget=forms.TextInput(attrs={"list": "supervisors", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Username or email address. Lists every role of everybody below this person."),
    )
    due_on = forms.DateField(
        label=_("Due"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Empty: whenever it is done."),
    )

    def __init__(self, data: Any = None, *, actor: User, initial: dict[str, Any] | None = None) -> None:
        self.actor = actor
        super().__init__(data, initial=initial)
        self.fields["role"].queryset = Role.objects.by_rank()  # type: ignore[attr-defined]  # Field knows no queryset

    def supervisors(self) -> list[User]:
        """Suggestions: those in sight who look after somebody, as many as anybody would look through."""
        leading = User.objects.filter(supervisor__isnull=False).order_by().values("supervisor_id")
        return list(User.objects.visible_to(self.actor).filter(pk__in=leading).order_by("name_key", "pk")[:MOST_TEAMS])

    def clean_supervisor(self) -> User | None:
        name: str = self.cleaned_data["supervisor"]
        if not name:
            return None
        person = User.objects.visible_to(self.actor).named(name).first()
        if person is None:
            raise ValidationError(_("Nobody in your sight has this username or email address."), code="nobody")
        return person

    def clean_due_on(self) -> Any:
        due_on = self.cleaned_data["due_on"]
        if due_on is not None and due_on < timezone.localdate():
            raise ValidationError(_("The due date has passed. Choose today or a later day."), code="past")
        return due_on

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and bool(cleaned.get("role")) == bool(cleaned.get("supervisor")):
            raise ValidationError(_("Choose either a role or a team."), code="either")
        return cleaned


class DecisionForm(forms.Form):
    """What is decided about a line or many, and a note that is kept with it."""

    decision = forms.ChoiceField(
        choices=[
            (ReviewItem.Decision.CONFIRMED, ReviewItem.Decision.CONFIRMED.label),
            (ReviewItem.Decision.REVOKED, ReviewItem.Decision.REVOKED.label),
        ],
        widget=forms.HiddenInput,
        error_messages={
            "required": _("Choose whether to confirm or to take away."),
            "invalid_choice": _("Choose whether to confirm or to take away."),
        },
    )
    note = LineField(
        label=_("Note"),
        max_length=NOTE_LENGTH,
        required=False,
        help_text=_("Kept with the decision."),
    )


def wanted_of(query: Any, actor: User) -> dict[str, Any]:
    """What an address such as ?role=… or ?team=… has chosen already."""
    initial: dict[str, Any] = {}
    if (key := uuid_of(query.get("role", ""))) and (role := Role.objects.filter(public_id=key).first()):
        initial["role"] = role.pk
    elif (key := uuid_of(query.get("team", ""))) and (
        person := User.objects.visible_to(actor).filter(public_id=key).first()
    ):
        initial["supervisor"] = person.username
    return initial
