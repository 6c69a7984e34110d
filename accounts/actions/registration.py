"""Coming by oneself or by invitation, and proving that an address is one's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.tasks import task
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import registration, rules, tokens
from accounts.actions.password import refuse_elsewhere
from accounts.actions.user import create_user, refuse_taken, save_person
from accounts.domains import is_listed
from accounts.hashing import hashing
from accounts.mail import send_later
from accounts.models import User
from accounts.names import clean_email, clean_username
from accounts.password_policy import may_change_here
from settings_store import audit
from settings_store.store import get_setting


def ask_registration(*, email: str) -> None:
    """Let the owner of this address have a link to register with; costs the same whatever is true of it."""
    answer_registration.enqueue(email)


@task
def answer_registration(email: str) -> None:
    """Send the letter that fits; done by a worker, so that nobody can tell by the time which one, or whether any."""
    person = User.objects.active().named(email).first()
    if person is not None and person.invited_until is None:
        send_later("registered_already", to=person)
    elif person is not None:
        send_later("invitation", to=person)
    elif registration.may_register(email):
        send_later("registration", address=email, email=email)


@sensitive_variables("token", "password")
def register(*, token: str, username: str, full_name: str, password: str) -> User | None:
    """Make the account of whoever has this link; None where the link does not work.

    Raises ValidationError where the policy has changed, or a name is taken.
    """
    email = tokens.registering(token)
    if email is None:
        return None
    if not registration.may_register(email):
        raise ValidationError(_("People with this email address may not register any more."), code="refused")
    refuse_elsewhere(User(email=email))
    return create_user(
        actor=None,
        username=username,
        email=email,
        password=password,
        full_name=full_name,
        must_change_password=False,
        is_verified=True,
        joined_by=User.JoinedBy.REGISTERED,
    )


@sensitive_variables("token", "password")
def accept_invitation(*, token: str, username: str, full_name: str, password: str) -> User | None:
    """Make the account of somebody invited their own; None where the link does not work."""
    name = clean_username(username)
    invited = tokens.invited(token)
    if invited is None:
        return None
    if not registration.may_invite():
        raise ValidationError(_("Invitations do not count at the moment."), code="refused")
    refuse_elsewhere(invited.user)
    with hashing():
        encoded = make_password(password)
    with transaction.atomic():
        found = tokens.invited(token)
        # Locked and asked once more: a link is used once, also by two at a time.
        row = User.objects.select_for_update().get(pk=found.user.pk) if found else None
        if row is None or tokens.invited(token) is None or found is None:
            return None
        refuse_taken(username=name, besides=row)
        row.username, row.full_name, row.password = name, full_name, encoded
        row.invited_until, row.must_change_password, row.password_changed_at = None, False, timezone.now()
        row.is_verified = row.is_verified or found.proves_address
        fields = ("username", "full_name", "password", "invited_until", "must_change_password", "password_changed_at")
        save_person(row, update_fields=[*fields, "is_verified", "updated_at"])
        audit.record(
            "invitation.accepted", actor=row, target=row, after={"username": name, "is_verified": row.is_verified}
        )
    return row


@transaction.atomic
def renew_invitation(*, actor: User | None, user: User, days: int | None = None) -> User:
    """Send somebody invited another link; the one they have is dead from now on."""
    if not registration.may_invite():
        raise ValidationError(_("Invitations are switched off (accounts.registration.policy)."), code="refused")
    rules.ask(actor, user, "invite")
    row = _invited(user)
    before = row.invited_until
    row.invited_until = invitation_end(days)
    row.save(update_fields=["invited_until", "updated_at"])
    send_later("invitation", to=row)
    audit.record("invitation.renewed", actor=actor, target=row, before=_until(before), after=_until(row.invited_until))
    return row


@transaction.atomic
def withdraw_invitation(*, actor: User | None, user: User) -> User:
    """Take an invitation back: its link is dead, and the account that waited for it deactivated."""
    rules.ask(actor, user, "deactivate")
    row = _invited(user)
    before = row.invited_until
    row.is_active, row.invited_until = False, None
    row.save(update_fields=["is_active", "invited_until", "updated_at"])
    audit.record("invitation.withdrawn", actor=actor, target=row, before=_until(before), after={"is_active": False})
    return row


def invitation_end(days: int | None = None) -> datetime:
    """Until when an invitation of this moment is good; as the setting says where nothing else is wanted."""
    return timezone.now() + timedelta(days=days or int(get_setting("accounts.registration.invitation_days")))


def ask_verification(*, actor: User) -> None:
    """Send somebody a link that proves their present address."""
    with transaction.atomic():
        send_later("verify_address", to=actor, email=actor.email)


def ask_address(*, actor: User, email: str) -> None:
    """Send a link to the address somebody wants for theirs, and tell the present one; nothing changes until it is used.

    Whether somebody else has that address is said only to whoever proves that it is theirs.
    """
    wanted = clean_email(email)
    if wanted == actor.email:
        raise ValidationError({"email": _("This is your email address already.")})
    _refuse_address(actor, wanted)
    with transaction.atomic():
        send_later("verify_address", to=actor, address=wanted, email=wanted)
        send_later("address_asked", to=actor, wanted=wanted)
        audit.record("user.address_asked", actor=actor, target=actor, after={"email": wanted})


@sensitive_variables("token")
def confirm_address(*, actor: User, token: str) -> User | None:
    """Give the person of this link the address it proves; None where the link does not work, or is not theirs."""
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=actor.pk)
        found = tokens.proving(token)
        if found is None or found[0] != row:
            return None
        email = found[1]
        if email != row.email:
            # Asked once more: since the link was sent the policy may have changed.
            _refuse_address(row, email)
        refuse_taken(email=email, besides=row)
        before = {"email": row.email, "is_verified": row.is_verified}
        row.email, row.is_verified = email, True
        save_person(row, update_fields=["email", "is_verified", "updated_at"])
        if before["email"] != email:
            send_later("address_changed", to=row, address=str(before["email"]))
        audit.record(
            "user.address_confirmed",
            actor=actor,
            target=row,
            before=before,
            after={"email": email, "is_verified": True},
        )
    return row


def _refuse_address(person: User, wanted: str) -> None:
    """Raise ValidationError where somebody may not take this address for theirs."""
    if not may_change_here(person):
        raise ValidationError(_("Accounts of your email domain are kept elsewhere, so the address stays as it is."))
    domains = str(get_setting("accounts.registration.domains"))
    if registration.policy() == registration.DOMAINS and is_listed(person.email, domains) > is_listed(wanted, domains):
        raise ValidationError({"email": _("Use an address in one of the domains that may register here.")})


def _invited(user: User) -> User:
    """The locked row of somebody who was invited and has not come yet."""
    row = User.objects.select_for_update().get(pk=user.pk)
    if not row.is_active or row.invited_until is None:
        raise ValidationError(_("%(person)s has no open invitation.") % {"person": row}, code="refused")
    return row


def _until(moment: datetime | None) -> dict[str, Any]:
    return {"invited_until": moment.isoformat() if moment else None}
