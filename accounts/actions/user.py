"""Making people, changing what is known of them, letting them in and keeping them out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts import rules, teams
from accounts.actions.session import end_sessions, sessions_of
from accounts.hashing import hashing
from accounts.mail import send_later
from accounts.models import User
from accounts.names import clean_email, clean_username, key_of
from accounts.password_policy import may_change_here
from accounts.signals import user_registered
from settings_store import audit
from settings_store.circumstances import current

TAKEN = {
    "username": gettext_lazy("Somebody has this username, or one that looks the same."),
    "email": gettext_lazy("Somebody has this email address, or one that looks the same."),
}
# By these somebody is found and let in anew, so that whoever changes them could come in as that person.
NAMES = frozenset({"username", "email"})
# What an edit may touch; the trail shows exactly these.
FIELDS = ("username", "email", "full_name", "bio", "language", "time_zone", "preferences", "is_verified", "supervisor")


@sensitive_variables("password", "encoded")
def create_user(
    *,
    actor: User | None,
    username: str,
    email: str,
    password: str | None = None,
    full_name: str = "",
    supervisor: User | None = None,
    must_change_password: bool = True,
    is_verified: bool = False,
    joined_by: User.JoinedBy = User.JoinedBy.CREATED,
    invited_until: datetime | None = None,
    encoded: str = "",
    is_active: bool = True,
    has_rights: bool = False,
) -> User:
    """Make a person; without a password they cannot sign in until they are given one.

    `encoded` is a password hashed elsewhere, as the hashers here read it. With `has_rights` they get none by default,
    for the caller gives them theirs. What whoever makes them should know stands in `remarks`.
    """
    user = User(
        username=clean_username(username),
        email=clean_email(email),
        full_name=full_name,
        supervisor=supervisor,
        must_change_password=must_change_password,
        is_verified=is_verified,
        joined_by=joined_by,
        invited_until=invited_until,
        created_by=actor,
        is_active=is_active,
        password_changed_at=timezone.now() if password else None,
    )
    user.password = encoded or _hashed(password)
    with transaction.atomic():
        rules.lock_roles()
        if supervisor is not None:
            teams.refuse_place(user=None, supervisor=supervisor)
        refuse_taken(username=user.username, email=user.email)
        save_person(user)
        answers = user_registered.send(sender=User, user=user, actor=actor, has_rights=has_rights)
        user.remarks = [str(sentence) for _receiver, sentence in answers if sentence]
        by_themselves = actor is None and joined_by == User.JoinedBy.REGISTERED
        audit.record(
            "user.created",
            actor=user if by_themselves else actor,
            target=user,
            after={**_snapshot(user), "joined_by": str(joined_by)},
        )
    return user


@sensitive_variables("password")
def _hashed(password: str | None) -> str:
    if password is None:
        return make_password(None)
    # Hashing takes a tenth of a second, too long to keep other writers waiting.
    with hashing():
        return make_password(password)


@transaction.atomic
def update_user(*, actor: User | None, user: User, **changes: Any) -> User:
    """Change what is known of somebody; only the fields of `FIELDS`, and nothing happens where nothing differs."""
    if unknown := changes.keys() - set(FIELDS):
        raise TypeError(f"update_user cannot change {', '.join(sorted(unknown))}")
    if actor != user:
        rules.ask(actor, user, "update")
    if "supervisor" in changes:
        lock_tree()
    # The row alone: MariaDB cannot lock one side of a join.
    row = User.objects.select_for_update().get(pk=user.pk)
    if changes.get("username", row.username) != row.username:
        changes["username"] = clean_username(changes["username"])
    if changes.get("email", row.email) != row.email:
        changes["email"] = clean_email(changes["email"])
    changed = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if "email" in changed and row.is_verified:
        changed.setdefault("is_verified", False)
    if not changed:
        return row
    if sentence := NAMES & changed.keys() and rename_refusal(actor, row):
        raise ValidationError(sentence, code="refused")
    if "supervisor" in changed:
        refuse_move(actor=actor, user=row, supervisor=changed["supervisor"])
    refuse_taken(username=changed.get("username"), email=changed.get("email"), besides=row)
    before = _snapshot(row)
    for name, value in changed.items():
        setattr(row, name, value)
    save_person(row, update_fields=[*changed, "updated_at"])
    # An invitation may have gone to an address that was never theirs; whoever reads there is told nothing.
    if "email" in changed and row.invited_until is None:
        send_later("address_changed", to=row, address=before["email"])
    audit.record("user.updated", actor=actor, target=row, **audit.changes(before, _snapshot(row), also=changed))
    return row


def rename_refusal(actor: User | None, user: User) -> str | None:
    """Why `actor` may not change the username or e-mail address of `user` by an edit."""
    if actor is None:
        return None
    if current().impersonator is not None:
        return _("Nobody's username or email address is changed while acting as somebody else.")
    if actor == user:
        return _("Your own email address is changed on your profile, your username by somebody else.")
    return rules.refusal(actor, user, "rename")


def update_profile(*, actor: User, **changes: Any) -> User:
    """Change one's own details and preferences; name, address and supervisor are given by others."""
    if unknown := changes.keys() - {"full_name", "bio", "language", "time_zone", "preferences"}:
        raise TypeError(f"update_profile cannot change {', '.join(sorted(unknown))}")
    return update_user(actor=actor, user=actor, **changes)


@transaction.atomic
def activate_user(*, actor: User | None, user: User) -> User:
    """Let somebody in again; their roles count again as far as these have not run out."""
    rules.ask(actor, user, "activate")
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.is_active:
        return row
    row.is_active = True
    row.save(update_fields=["is_active", "updated_at"])
    audit.record("user.activated", actor=actor, target=row, before={"is_active": False}, after={"is_active": True})
    return row


@transaction.atomic
def deactivate_user(*, actor: User | None, user: User, reason: str = "") -> User:
    """Keep somebody out from the next request on; all that they wrote and did stays."""
    rules.ask(actor, user, "deactivate")
    row = User.objects.select_for_update().get(pk=user.pk)
    if not row.is_active:
        return row
    row.is_active = False
    row.save(update_fields=["is_active", "updated_at"])
    ended = end_sessions(sessions_of(row))
    audit.record(
        "user.deactivated",
        actor=actor,
        target=row,
        before={"is_active": True},
        after={"is_active": False, "sessions_ended": ended},
        reason=reason,
    )
    return row


@transaction.atomic
def require_password_change(*, actor: User | None, user: User) -> User:
    """Have somebody choose another password before anything else, from their next request on."""
    rules.ask(actor, user, "require_password_change")
    row = User.objects.select_for_update().get(pk=user.pk)
    if not row.has_usable_password():
        raise ValidationError(_("%(person)s has no password here.") % {"person": row}, code="refused")
    if not may_change_here(row):
        raise ValidationError(_("The password of %(person)s is kept elsewhere.") % {"person": row}, code="refused")
    if row.must_change_password:
        return row
    row.must_change_password = True
    row.save(update_fields=["must_change_password", "updated_at"])
    audit.record("password.change_required", actor=actor, target=row)
    return row


def refuse_taken(*, username: str | None = None, email: str | None = None, besides: User | None = None) -> None:
    """Raise ValidationError for each name that somebody else has, however they write it."""
    others = User.objects.exclude(pk=besides.pk) if besides else User.objects.all()
    errors = {}
    if username and others.filter(username_key=key_of(username)).exists():
        errors["username"] = TAKEN["username"]
    if email and others.filter(email_key=key_of(email)).exists():
        errors["email"] = TAKEN["email"]
    if errors:
        raise ValidationError(errors)


def refuse_move(*, actor: User | None, user: User, supervisor: User | None) -> None:
    """Raise ValidationError where `user` cannot answer to `supervisor`, or not by the will of `actor`."""
    if supervisor is not None:
        teams.refuse_place(user=user, supervisor=supervisor)
    if sentence := teams.move_refusal(actor, user, supervisor):
        raise ValidationError({"supervisor": sentence}, code="refused")


def lock_tree() -> None:
    """Let changes of supervisor pass one at a time: two of them, each harmless, can close a circle together."""
    User.objects.select_for_update().order_by("pk").values("pk").first()


def save_person(user: User, **kwargs: Any) -> None:
    """Save a row whose names may have been taken a moment ago; ValidationError where one was."""
    try:
        with transaction.atomic():
            user.save(**kwargs)
    except IntegrityError as error:
        # Somebody took the name between the question and the act.
        raise ValidationError(_("Somebody has just taken this username or email address.")) from error


def _snapshot(user: User) -> dict[str, Any]:
    values = {name: getattr(user, name) for name in FIELDS}
    values["supervisor"] = str(user.supervisor) if user.supervisor else None
    return values
