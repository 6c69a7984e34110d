"""What people send about others, cleaned; whether it may happen is for the actions to say."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.actions.user import NAMES, refuse_move, refuse_taken, rename_refusal
from accounts.forms.fields import as_of_one_field, password_field
from accounts.models import User
from accounts.names import EMAIL_LENGTH, USERNAME_LENGTH, clean_email, clean_username
from ui.forms import CharField


class PersonField(forms.CharField):
    """Somebody by username or e-mail address, among those the person at the form may see."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=EMAIL_LENGTH, **kwargs)
        self.people = User.objects.none()

    def clean(self, value: Any) -> User | None:
        name = super().clean(value)
        if not name:
            return None
        person = self.people.named(name).first()
        if person is None:
            raise ValidationError(_("Nobody you may see has this username or email address."))
        return person


class UserForm(forms.Form):
    """The details of another person, new or known; the names of somebody known ask who it is that changes them.

    `confirmed` says that whoever sits there has just shown that.
    """

    username = forms.CharField(label=_("Username"), max_length=USERNAME_LENGTH)
    email = forms.CharField(
        label=_("Email address"), max_length=EMAIL_LENGTH, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    full_name = CharField(label=_("Full name"), max_length=150, required=False)
    supervisor = PersonField(
        label=_("Supervisor"),
        required=False,
        help_text=_("Username or email address of the person who looks after them."),
    )

    def __init__(
        self, *args: Any, viewer: User, person: User | None = None, confirmed: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.viewer = viewer
        self.person = person
        # Why the names stay as they are; empty where they may be changed.
        self.names_stay = (rename_refusal(viewer, person) or "") if person else ""
        self.must_confirm = person is not None and not confirmed and not self.names_stay
        for name in NAMES:
            self.fields[name].disabled = bool(self.names_stay) or (self.must_confirm and not self.is_bound)
        field = cast(PersonField, self.fields["supervisor"])
        field.people = User.objects.visible_to(viewer).active()
        if person and person.supervisor_id:
            # Whoever looks after them now may stay, also when out of sight or deactivated.
            field.people |= User.objects.filter(pk=person.supervisor_id)

    def clean(self) -> None:
        for name in NAMES & self.cleaned_data.keys() if self.must_confirm else ():
            if self.cleaned_data[name] != getattr(self.person, name):
                self.add_error(name, _("Confirm that it is you before you change this."))

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        # Whatever somebody has already may stay, also where nobody could choose it now.
        if self.person and username == self.person.username:
            return username
        username = clean_username(username)
        _refuse_taken(self.person, username=username)
        return username

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if self.person and email == self.person.email:
            return email
        email = clean_email(email)
        _refuse_taken(self.person, email=email)
        return email

    def clean_supervisor(self) -> User | None:
        supervisor: User | None = self.cleaned_data["supervisor"]
        if self.person and (supervisor.pk if supervisor else None) != self.person.supervisor_id:
            with as_of_one_field():
                refuse_move(actor=self.viewer, user=self.person, supervisor=supervisor)
        return supervisor


class UserCreateForm(UserForm):
    password = password_field(
        _("First password"),
        autocomplete="new-password",
        required=False,
        help_text=_("Leave it empty to have one made. It must be changed at the first sign-in."),
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password, User(username=self.data.get("username", ""), email=self.data.get("email", "")))
        return password


class DeactivateForm(forms.Form):
    reason = CharField(label=_("Reason"), max_length=500, required=False)


class GivePasswordForm(forms.Form):
    """Nothing to fill in: the form is there to carry a refusal."""


def _refuse_taken(person: User | None, **name: str) -> None:
    with as_of_one_field():
        refuse_taken(**name, besides=person)
