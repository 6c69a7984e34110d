"""Whom somebody answers to, as the pages of teams ask for it."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import rules
from accounts.actions.user import refuse_move
from accounts.forms.fields import as_of_one_field
from accounts.forms.user import PersonField
from accounts.models import User
from ui.forms import uuid_of

# What stands for nobody where a public id would stand for somebody.
NOBODY = "nobody"


def mark_of(supervisor: User | None) -> str:
    """A supervisor, or none, as the page says whose effect it showed."""
    return str(supervisor.public_id) if supervisor else NOBODY


class MoveForm(forms.Form):
    """Where `person` goes; `was` says where they stood when the page was made, `shown` whose effect it showed."""

    supervisor = PersonField(
        label=gettext_lazy("New supervisor"),
        required=False,
        help_text=gettext_lazy("Username or email address. Leave it empty where they answer to nobody."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "supervisors"}),
    )
    was = forms.UUIDField(widget=forms.HiddenInput, required=False)
    shown = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(self, *args: Any, viewer: User, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.viewer = viewer
        self.person = person
        cast(PersonField, self.fields["supervisor"]).people = User.objects.visible_to(viewer).active()

    def clean_supervisor(self) -> User | None:
        supervisor: User | None = self.cleaned_data["supervisor"]
        if self.viewer != self.person:
            rules.ask(self.viewer, self.person, "update")
        if (supervisor.pk if supervisor else None) != self.person.supervisor_id:
            with as_of_one_field():
                refuse_move(actor=self.viewer, user=self.person, supervisor=supervisor)
        return supervisor


class SupervisorForm(forms.Form):
    """One supervisor for many people, or none; whether each of them may stand there is asked for each."""

    supervisor = PersonField(
        label=gettext_lazy("New supervisor"), required=False, help_text=gettext_lazy("Username or email address.")
    )
    # Said aloud, because an empty field is soon sent, and teams would fall apart by it.
    nobody = forms.BooleanField(label=gettext_lazy("They answer to nobody from now on"), required=False)
    # Whose team it is, where a whole team is handed over.
    of = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.viewer = actor
        cast(PersonField, self.fields["supervisor"]).people = User.objects.visible_to(actor).active()

    @property
    def about(self) -> str:
        """What the page is headed by, where it is about one team."""
        of = self._person(uuid_of(str(self["of"].value() or "")))
        return _("The team of %(person)s") % {"person": of} if of else ""

    def clean_of(self) -> User | None:
        return self._person(self.cleaned_data["of"])

    def _person(self, key: UUID | None) -> User | None:
        return User.objects.visible_to(self.viewer).filter(public_id=key).first() if key else None

    def clean(self) -> None:
        if "supervisor" not in self.cleaned_data:
            return
        if bool(self.cleaned_data["supervisor"]) == self.cleaned_data["nobody"]:
            self.add_error("supervisor", _("Name a supervisor, or tick that they answer to nobody."))
