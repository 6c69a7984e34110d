"""Passkeys: adding, using, renaming, taking away."""

from __future__ import annotations

from dataclasses import asdict

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.actions.factor import (
    codes_for_first_factor,
    lock_factors,
    mark_session,
    refuse_losing_last_factor,
    unmark_without_factor,
)
from accounts.actions.session import shut_others_out
from accounts.http import HtmxHttpRequest
from accounts.mail import send_later
from accounts.models import Passkey, User
from accounts.ways_in import ways_left
from accounts.webauthn import NewPasskey, Proof, key_of
from settings_store import audit

# Nobody has more devices to sign in with; a browser is told of each of them.
MOST = 20


@sensitive_variables("codes")
@transaction.atomic
def add_passkey(*, request: HtmxHttpRequest, user: User, name: str, made: NewPasskey) -> list[str]:
    """Keep a passkey that was just made; answers the recovery codes where it is the person's first factor."""
    lock_factors(user)
    if Passkey.objects.filter(user=user).count() >= MOST:
        raise ValidationError(
            _("You have %(most)d passkeys, and more are not kept. Remove one that you no longer use.") % {"most": MOST},
            code="refused",
        )
    codes = codes_for_first_factor(user)
    passkey = Passkey(
        user=user,
        name=name,
        credential_id=made.credential_id,
        credential_key=key_of(made.credential_id),
        public_key=made.public_key,
        sign_count=made.sign_count,
        transports=list(made.transports),
        is_backed_up=made.is_backed_up,
    )
    try:
        with transaction.atomic():
            passkey.save(force_insert=True)
    except IntegrityError as error:
        raise ValidationError(_("This passkey is kept here already."), code="refused") from error
    mark_session(request, user, factor="passkey")
    changed = shut_others_out(user, keep=request.session.row)
    send_later("factor_added", to=user, factor="passkey", name=name)
    audit.record(
        "factor.added",
        actor=user,
        target=user,
        after={
            "kind": "passkey",
            "name": name,
            **asdict(changed),
            **({"recovery_codes": len(codes)} if codes else {}),
        },
    )
    return codes


@transaction.atomic
def use_passkey(*, proof: Proof) -> bool:
    """Count one use of a proved passkey; refused where its signatures were counted further by another one like it."""
    passkey, now = proof.passkey, timezone.now()
    # Most passkeys count nothing; one that did and does no more is another one.
    fits = Q(sign_count__lt=proof.sign_count) if proof.sign_count else Q(sign_count=0)
    mine = Passkey.objects.filter(fits, pk=passkey.pk)
    return bool(mine.update(sign_count=proof.sign_count, is_backed_up=proof.is_backed_up, last_used_at=now))


@transaction.atomic
def record_refused_passkey(*, user: User | None, why: str, alone: bool, copied: Passkey | None = None) -> None:
    """Note that a passkey proved nothing: `alone` at the door, else as the second proof of `user`.

    Where it is `copied`, as it seems, its person is told.
    """
    if copied is not None and Passkey.objects.filter(pk=copied.pk).exists():
        send_later("passkey_copied", to=copied.user, name=copied.name)
    if alone:
        audit.record("session.sign_in_failed", actor=None, target=user, after={"by": "passkey", "why": why})
    else:
        audit.record("factor.refused", actor=None, target=user, after={"kind": "passkey", "why": why})


@transaction.atomic
def rename_passkey(*, user: User, passkey: Passkey, name: str) -> None:
    """Call a passkey by another name."""
    row = Passkey.objects.select_for_update().filter(pk=passkey.pk, user=user).first()
    if row is None or row.name == name:
        return
    before, row.name = row.name, name
    row.save(update_fields=["name"])
    audit.record(
        "factor.renamed",
        actor=user,
        target=user,
        before={"name": before},
        after={"kind": "passkey", "name": name},
    )


@transaction.atomic
def remove_passkey(*, request: HtmxHttpRequest, user: User, passkey: Passkey) -> bool:
    """Take a passkey away; ValidationError where it is the last factor and a role asks for one, or the only way in."""
    lock_factors(user)
    mine = Passkey.objects.filter(pk=passkey.pk, user=user)
    if not mine.exists():
        return False
    refuse_losing_last_factor(user)
    if not ways_left(user, besides=passkey):
        raise ValidationError(
            _("This passkey is your only way in. Set up another one first, or choose a password."), code="last_way"
        )
    mine.delete()
    unmark_without_factor(request, user)
    changed = shut_others_out(user, keep=request.session.row)
    send_later("factor_removed", to=user, factor="passkey", name=passkey.name)
    audit.record(
        "factor.removed",
        actor=user,
        target=user,
        before={"kind": "passkey", "name": passkey.name},
        after=asdict(changed),
    )
    return True
