"""Second factors: setting up, using, taking away; whatever changes them ends the other sessions of their person."""

from __future__ import annotations

import time
from dataclasses import asdict

from django.contrib import auth
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import rules
from accounts.actions.session import row_of, shut_others_out
from accounts.factors import recovery, totp
from accounts.factors.policy import REMEMBERED
from accounts.mail import send_later
from accounts.models import Device, Passkey, RecoveryCode, Session, Totp, User, has_factor
from accounts.obstacles import FACTOR_SESSION_KEY
from settings_store import audit
from ui.guard import STEP_UP_SESSION_KEY


@sensitive_variables("code")
def use_app_code(*, user: User, code: str) -> bool:
    """Whether this is the code of the person's app at this moment, which then counts no more; raises CannotOpen."""
    row = Totp.objects.filter(user=user).first()
    if row is None:
        return False
    step = totp.matching_step(totp.secret_of(row, user), code)
    if step is None:
        return False
    # One statement asks and answers: of however many who bring this code at once, one finds an older step.
    fresh = Totp.objects.filter(pk=row.pk, last_step__lt=step)
    return fresh.update(last_step=step, last_used_at=timezone.now()) == 1


@sensitive_variables("code")
@transaction.atomic
def use_recovery_code(*, user: User, code: str) -> bool:
    """Whether this is a recovery code that was not used yet; it is from now on, and its person is told."""
    mine = RecoveryCode.objects.filter(user=user).unused()
    if not mine.filter(digest=recovery.digest(user, code)).update(used_at=timezone.now()):
        return False
    left = mine.count()
    send_later("recovery_code_used", to=user, left=left)
    audit.record("factor.recovery_code_used", actor=user, target=user, after={"left": left})
    return True


@transaction.atomic
def record_refused_code(*, user: User, kind: str, tell: bool = False) -> None:
    """Note that a code was refused; with `tell` its person hears that no more are tried for a while."""
    if tell:
        send_later("codes_refused", to=user)
    audit.record("factor.refused", actor=None, target=user, after={"kind": kind, "locked": tell})


def mark_session(request: HttpRequest, user: User, *, factor: str = "") -> None:
    """Write into the session that its person proved themselves, and by which `factor` first, under a new key."""
    # The check may have renewed an older hash, and a session is bound to the hash it began with.
    auth.update_session_auth_hash(request, user)
    request.session[STEP_UP_SESSION_KEY] = time.time()
    # Lists of sessions say with what somebody came in, so a later proof does not take the place of that.
    if factor and request.session.get(FACTOR_SESSION_KEY, "") in {"", REMEMBERED}:
        request.session[FACTOR_SESSION_KEY] = factor
    request.session.save()


@sensitive_variables("secret", "codes")
@transaction.atomic
def set_up_app(*, request: HttpRequest, user: User, secret: bytes, step: int) -> list[str]:
    """Make this the authenticator app of `user`, in place of the one they had; `step` is that of the code they gave.

    Answers the recovery codes where it is their first factor, else nothing.
    """
    lock_factors(user)
    codes = codes_for_first_factor(user)
    replaced = bool(Totp.objects.filter(user=user).delete()[0])
    # A new row, so that a code of the old app that is being looked at now finds nothing to use up.
    Totp.objects.create(user=user, sealed_secret=totp.seal(secret, user), last_step=step, last_used_at=timezone.now())
    mark_session(request, user, factor="app")
    changed = shut_others_out(user, keep=row_of(request))
    kind = "factor_replaced" if replaced else "factor_added"
    send_later(kind, to=user, factor="app", name="")
    audit.record(
        "factor.replaced" if replaced else "factor.added",
        actor=user,
        target=user,
        after={"kind": "app", **asdict(changed), **({"recovery_codes": len(codes)} if codes else {})},
    )
    return codes


@transaction.atomic
def remove_app(*, request: HttpRequest, user: User) -> bool:
    """Take the authenticator app away; ValidationError where it is the last factor and a role asks for one."""
    lock_factors(user)
    if not Totp.objects.filter(user=user).exists():
        return False
    refuse_losing_last_factor(user)
    Totp.objects.filter(user=user).delete()
    unmark_without_factor(request, user)
    changed = shut_others_out(user, keep=row_of(request))
    send_later("factor_removed", to=user, factor="app", name="")
    audit.record("factor.removed", actor=user, target=user, before={"kind": "app"}, after=asdict(changed))
    return True


@sensitive_variables("codes")
@transaction.atomic
def make_recovery_codes(*, user: User, keep: Session | None = None) -> list[str]:
    """Make new recovery codes in place of those there are; ValidationError for somebody without a factor."""
    lock_factors(user)
    if not has_factor(user):
        raise ValidationError(_("Recovery codes stand in for a second factor. Set one up first."), code="refused")
    codes = _new_codes(user)
    changed = shut_others_out(user, keep=keep)
    send_later("recovery_codes_made", to=user)
    audit.record("factor.recovery_codes_made", actor=user, target=user, after={"codes": len(codes), **asdict(changed)})
    return codes


@transaction.atomic
def reset_factors(*, actor: User | None, user: User, reason: str) -> None:
    """Take all factors from somebody who lost them; they are signed out everywhere and sign in by password alone."""
    rules.ask(actor, user, "reset_factors")
    lock_factors(user)
    app, __ = Totp.objects.filter(user=user).delete()
    passkeys, __ = Passkey.objects.filter(user=user).delete()
    codes, __ = RecoveryCode.objects.filter(user=user).delete()
    if not app and not passkeys and not codes:
        raise ValidationError(_("%(person)s has no second factor.") % {"person": user}, code="refused")
    changed = shut_others_out(user)
    send_later("factors_reset", to=user)
    audit.record(
        "factor.reset",
        actor=actor,
        target=user,
        before={"app": bool(app), "passkeys": passkeys, "recovery_codes": codes},
        after=asdict(changed),
        reason=reason,
    )


@transaction.atomic
def forget_device(*, user: User, device: Device) -> bool:
    """Ask for the second step again in a browser that was spared it."""
    if not Device.objects.filter(pk=device.pk, user=user).remembered().update(trusted_until=None):
        return False
    audit.record("device.forgotten", actor=user, target=user, before={"device": str(device)})
    return True


@transaction.atomic
def forget_devices(*, user: User) -> int:
    """The same for all of somebody's browsers; answers how many."""
    forgotten: int = Device.objects.filter(user=user).remembered().update(trusted_until=None)
    if forgotten:
        audit.record("device.forgotten", actor=user, target=user, before={"devices": forgotten})
    return forgotten


# What every change of factors has in common, inside its transaction; changes of passkeys use it too.


def lock_factors(user: User) -> None:
    """Let changes of one person's factors pass one at a time: two at once must not take the last two."""
    User.objects.select_for_update().filter(pk=user.pk).values_list("pk", flat=True).first()


def refuse_losing_last_factor(user: User) -> None:
    """Raise ValidationError where this person has one factor, and a role of theirs asks for one."""
    left = Totp.objects.filter(user=user).count() + Passkey.objects.filter(user=user).count()
    if left <= 1 and user.must_have_factor:
        raise ValidationError(
            _("A role of yours asks for a second factor, and this is your only one. Set up another one first."),
            code="last_factor",
        )


@sensitive_variables("codes")
def codes_for_first_factor(user: User) -> list[str]:
    """New recovery codes for somebody who has no factor yet, else nothing; to be asked before the factor is there."""
    return [] if has_factor(user) else _new_codes(user)


def unmark_without_factor(request: HttpRequest, user: User) -> None:
    """With the last factor go the recovery codes, which stand in for one, and what this session proved with it."""
    if has_factor(user):
        return
    RecoveryCode.objects.filter(user=user).delete()
    # A role that asks for a factor tomorrow must not find it given.
    request.session.pop(FACTOR_SESSION_KEY, None)
    request.session.save()


@sensitive_variables("codes")
def _new_codes(user: User) -> list[str]:
    codes = recovery.new_codes()
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=recovery.digest(user, recovery.cleaned(code) or "")) for code in codes
    )
    return codes
