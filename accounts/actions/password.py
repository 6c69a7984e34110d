"""Giving people passwords: their own choice, by a link, or one they are given."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.tasks import task
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import mail, rules, tokens
from accounts.actions.lockout import forget_wrong
from accounts.actions.session import shut_others_out
from accounts.hashing import hashing
from accounts.mail import send_later
from accounts.models import Device, Identity, Passkey, RecoveryCode, Session, Totp, User
from accounts.password_policy import may_change_here
from accounts.signals import identity_claims
from settings_store import audit, circumstances


@sensitive_variables("password")
def change_password(*, actor: User | None, user: User, password: str, keep: Session | None = None) -> None:
    """Give `user` a new password and end all their sessions but `keep`; ValidationError where it is the old one."""
    if actor == user:
        refuse_elsewhere(user)
    # Hashing takes a tenth of a second, too long to hold a row or the trail.
    with hashing():
        if user.check_password(password):
            raise ValidationError(_("Choose a password that differs from the present one."))
        encoded = make_password(password)
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        facts = _renew(row, encoded, keep=keep)
        user.password, user.must_change_password = row.password, row.must_change_password
        send_later("password_changed", to=row)
        audit.record("password.changed", actor=actor, target=row, after=facts)


@sensitive_variables("password")
def give_password(*, actor: User | None, user: User, password: str) -> None:
    """Give somebody else a password they must change at their next sign-in; they are signed out everywhere."""
    if actor == user:
        raise ValidationError(_("Change your own password on your profile."), code="refused")
    with hashing():
        encoded = make_password(password)
    with transaction.atomic():
        rules.ask(actor, user, "give_password")
        row = User.objects.select_for_update().get(pk=user.pk)
        facts = _renew(row, encoded, must_change=True)
        send_later("password_changed", to=row, by=str(actor) if actor else _("Somebody who runs the server"))
        audit.record("password.changed", actor=actor, target=row, after={"must_change": True, **facts})


def ask_reset(*, name: str) -> None:
    """Let whoever is called so have a link for a new password; costs the same whether there is anybody.

    What was typed is kept nowhere, for people type passwords into the wrong field.
    """
    person_id = User.objects.active().named(name).values_list("pk", flat=True).first()
    answer_reset.enqueue(person_id or 0, circumstances.current().address)


@task
def answer_reset(person_id: int, address: str | None) -> None:
    """Send the letter, where there is somebody; done by a worker, so that nobody can tell by the time."""
    person = User.objects.active().filter(pk=person_id).first()
    if person is None:
        return
    with circumstances.circumstances(address=address), transaction.atomic():
        send_later("password_reset", to=person)
        audit.record("password.reset_asked", actor=None, target=person)


@sensitive_variables("password", "token")
def reset_password(*, token: str, password: str) -> User | None:
    """Give the person of this link a new password and end all their sessions; None where the link does not work."""
    user = tokens.resetting(token)
    if user is None:
        return None
    refuse_elsewhere(user)
    with hashing():
        encoded = make_password(password)
    with transaction.atomic():
        rules.lock_roles()
        row = User.objects.select_for_update().get(pk=user.pk)
        # Used a moment ago, perhaps: asked again now that nobody else can use it.
        if tokens.resetting(token) is None:
            return None
        facts = _renew(row, encoded)
        is_claimed = not row.is_verified and row.joined_by == User.JoinedBy.PROVIDER
        if is_claimed:
            facts |= _take_other_ways(row)
        if not row.is_verified and mail.is_sent():
            # Nobody but the owner of the mailbox has the link.
            row.is_verified = facts["is_verified"] = True
            row.save(update_fields=["is_verified"])
        # A lock keeps out whoever guesses, and this was no guess.
        forget_wrong(row)
        send_later("password_changed", to=row, is_claimed=is_claimed)
        audit.record("password.reset", actor=row, target=row, after=facts)
    return row


def refuse_elsewhere(user: User) -> None:
    if not may_change_here(user):
        raise ValidationError(_("Passwords of your email domain are not kept here."), code="refused")


def _take_other_ways(row: User) -> dict[str, Any]:
    """Leave nothing but the password to sign in with.

    A provider that vouches for any address may have let somebody else make this account, and wait in it for its owner.
    """
    identities = Identity.objects.filter(user=row).select_related("provider")
    for identity in identities:
        identity_claims.send(sender=Identity, user=row, provider=identity.provider, values=frozenset())
    return {
        "identities": identities.delete()[0],
        "app": Totp.objects.filter(user=row).delete()[0],
        "passkeys": Passkey.objects.filter(user=row).delete()[0],
        "recovery_codes": RecoveryCode.objects.filter(user=row).delete()[0],
        "devices": Device.objects.filter(user=row).delete()[0],
    }


def _renew(row: User, encoded: str, *, must_change: bool = False, keep: Session | None = None) -> dict[str, Any]:
    """Keep the hash in the locked row; sessions but `keep` end, and no device spares the second step any more."""
    row.password, row.must_change_password, row.password_changed_at = encoded, must_change, timezone.now()
    # Whoever has a password has come, by invitation or otherwise.
    row.invited_until = None
    row.save(update_fields=["password", "must_change_password", "password_changed_at", "invited_until", "updated_at"])
    return asdict(shut_others_out(row, keep=keep))
