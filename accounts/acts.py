"""The acts upon many people that this floor offers on /users/."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import actions
from accounts.forms.team import SupervisorForm
from accounts.models import User
from ui.forms import CharField
from ui.registry import UserAct


class ReasonForm(forms.Form):
    reason = CharField(label=gettext_lazy("Reason"), max_length=500, required=False)

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


def activate(actor: User, person: User) -> None:
    actions.activate_user(actor=actor, user=person)


def deactivate(actor: User, person: User, *, reason: str) -> None:
    actions.deactivate_user(actor=actor, user=person, reason=reason)


def unlock(actor: User, person: User) -> None:
    actions.unlock_user(actor=actor, user=person)


def set_supervisor(actor: User, person: User, *, supervisor: User | None, nobody: bool, of: User | None = None) -> None:
    if of is not None and person == supervisor and person.supervisor_id == of.pk:
        # Whoever takes over the team they stand in takes the place of who led it.
        supervisor = of.supervisor
    actions.update_user(actor=actor, user=person, supervisor=supervisor)


def require_new_password(actor: User, person: User) -> None:
    actions.require_password_change(actor=actor, user=person)


def sign_out(actor: User, person: User) -> None:
    if person == actor:
        raise ValidationError(_("That is you. End your other sessions on your profile."), code="refused")
    actions.revoke_other_sessions(actor=actor, user=person)


ACTS = (
    UserAct("activate", gettext_lazy("Activate"), "users.delete", activate, order=10),
    UserAct(
        "deactivate",
        gettext_lazy("Deactivate"),
        "users.delete",
        deactivate,
        form=ReasonForm,
        is_danger=True,
        spares_actor=True,
        warning=gettext_lazy(
            "All their sessions end at the next request and they cannot sign in. What they wrote and did stays. You "
            "can activate them again."
        ),
        order=20,
    ),
    UserAct(
        "unlock",
        gettext_lazy("Unlock"),
        "users.write",
        unlock,
        warning=gettext_lazy("Their wrong passwords are forgotten, and they can try again at once."),
        order=30,
    ),
    UserAct(
        "set-supervisor",
        gettext_lazy("Set supervisor"),
        "users.write",
        set_supervisor,
        form=SupervisorForm,
        warning=gettext_lazy(
            "Everybody below them goes with them. Whoever looks after them from now on sees them at their next page, "
            "and whoever did so no longer does."
        ),
        order=45,
    ),
    UserAct(
        "require-password",
        gettext_lazy("Require a password change"),
        "users.write",
        require_new_password,
        warning=gettext_lazy("They must change their password before anything else, from their next page on."),
        order=50,
    ),
    UserAct(
        "sign-out",
        gettext_lazy("Sign out everywhere"),
        "users.write",
        sign_out,
        is_danger=True,
        spares_actor=True,
        warning=gettext_lazy("All their sessions end at the next request."),
        order=60,
    ),
)
