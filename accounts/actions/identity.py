"""Whom an identity provider vouched for: finding, linking or making their account, and connecting one's own."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actions.session import shut_others_out
from accounts.actions.user import create_user
from accounts.mail import send_later
from accounts.models import Identity, IdentityProvider, Session, User
from accounts.names import USERNAME_LENGTH, clean_email, clean_username, exact_key
from accounts.oidc.claims import Vouched
from accounts.registration import may_register
from accounts.signals import identity_claims
from accounts.ways_in import ways_left
from settings_store import audit

# How often a number is put behind a username that somebody has, before chance decides.
NUMBERS = 50


class NotLetIn(Exception):
    """The provider vouched for somebody who has no way in by that; `user` is whose account it was, where known."""

    def __init__(self, provider: IdentityProvider, user: User | None = None) -> None:
        # The same whether there is such an account, and whatever is wrong with it.
        self.sentence = _(
            "%(provider)s vouched for you, but that opens no account here. If you have one, sign in to it another way "
            "and connect %(provider)s on your profile; if not, ask an admin."
        ) % {"provider": provider}
        self.user = user
        super().__init__(self.sentence)


def arrive(*, provider: IdentityProvider, vouched: Vouched) -> User:
    """The person that `provider` vouched for just now, who gets the roles its claims give; raises NotLetIn.

    By its subject, whatever address that has now; else linked or made, as far as the provider's row allows it.
    """
    with transaction.atomic():
        rules.lock_roles()
        # Of two first sign-ins at once, the second finds what the first has made.
        provider = _lock(provider)
        identity = _known(provider, vouched) or _join(provider, vouched)
        user = User.objects.select_for_update().get(pk=identity.user_id)
        if not user.is_active:
            raise NotLetIn(provider, user)
        identity.email, identity.last_used_at = vouched.email, timezone.now()
        identity.save(update_fields=["email", "last_used_at"])
        identity_claims.send(sender=Identity, user=user, provider=provider, values=vouched.values)
    # Read back, so that what they may do is what it became just now.
    return User.objects.get(pk=user.pk)


@transaction.atomic
def record_not_let_in(*, provider: IdentityProvider, user: User | None) -> None:
    """Note that somebody came with a provider and stayed outside."""
    audit.record("session.sign_in_failed", actor=None, target=user, after={"by": provider.slug})


@transaction.atomic
def connect_identity(*, actor: User, provider: IdentityProvider, subject: str, email: str) -> Identity:
    """Let `actor` sign in with this provider from now on; ValidationError where one of the two is taken."""
    provider = _lock(provider)
    known = _known(provider, Vouched(subject))
    if known is not None and known.user_id != actor.pk:
        raise ValidationError(_("Another account here is connected with this one at %(name)s.") % {"name": provider})
    if known is not None:
        return known
    if Identity.objects.filter(user=actor, provider=provider).exists():
        raise ValidationError(
            _("You are connected with another account at %(name)s. Disconnect that first.") % {"name": provider}
        )
    return _link(provider, actor, Vouched(subject, email=email), actor=actor)


@transaction.atomic
def disconnect_identity(*, actor: User, identity: Identity, keep: Session | None = None) -> None:
    """Let `actor` no longer sign in with a provider, and end all sessions but `keep`, for some came in by it.

    Refused where nothing would be left to sign in with.
    """
    rules.lock_roles()
    person = User.objects.select_for_update().get(pk=actor.pk)
    found = Identity.objects.filter(pk=identity.pk, user=person).select_related("provider").first()
    if found is None:
        return
    if not ways_left(person, besides=found):
        raise ValidationError(
            _("This is your only way to sign in. Set a password or a passkey first, or connect another provider.")
        )
    # First, for what the claims gave and take is recorded, and rows are locked before the trail is.
    changed = shut_others_out(person, keep=keep)
    identity_claims.send(sender=Identity, user=person, provider=found.provider, values=frozenset())
    found.delete()
    send_later("identity_disconnected", to=person, provider=found.provider.name)
    audit.record("identity.disconnected", actor=actor, target=person, before=_facts(found), after=asdict(changed))


def _known(provider: IdentityProvider, vouched: Vouched) -> Identity | None:
    mine = Identity.objects.filter(provider=provider, subject_key=exact_key(vouched.subject))
    return mine.select_related("user").first()


def _join(provider: IdentityProvider, vouched: Vouched) -> Identity:
    if not provider.is_enabled:
        raise NotLetIn(provider)
    try:
        address = clean_email(vouched.email)
    except ValidationError:
        raise NotLetIn(provider) from None
    person = User.objects.named(address).select_for_update().first()
    if person is None:
        return _link(provider, _make(provider, vouched, address), vouched, actor=None, is_news=False)
    if not _may_link(provider, person, vouched):
        raise NotLetIn(provider, person)
    return _link(provider, person, vouched, actor=None)


def _may_link(provider: IdentityProvider, person: User, vouched: Vouched) -> bool:
    """Whether an account may be linked by its address alone: never that of somebody with power over others."""
    return (
        provider.links_by_email
        and vouched.email_verified
        and person.is_verified
        and person.is_active
        and _is_same_address(person.email, vouched.email)
        and not Identity.objects.filter(user=person, provider=provider).exists()
        and not rules.is_powerful(person)
    )


def _is_same_address(ours: str, theirs: str) -> bool:
    """Stricter than what two accounts may not share: a look-alike is another mailbox."""
    return ours == theirs or (ours.isascii() and theirs.isascii() and ours.lower() == theirs.lower())


def _make(provider: IdentityProvider, vouched: Vouched, address: str) -> User:
    match provider.joining:
        case IdentityProvider.Joining.EVERYBODY:
            allowed = True
        case IdentityProvider.Joining.POLICY:
            # A domain counts only where the address is theirs.
            allowed = vouched.email_verified and may_register(address)
        case _:
            allowed = False
    if not allowed:
        raise NotLetIn(provider)
    try:
        return create_user(
            actor=None,
            username=_free_username(vouched.username or address),
            email=address,
            full_name=unicodedata.normalize("NFC", vouched.full_name)[:150],
            must_change_password=False,
            is_verified=vouched.email_verified,
            joined_by=User.JoinedBy.PROVIDER,
        )
    except ValidationError as error:
        # Somebody took the name at this moment.
        raise NotLetIn(provider) from error


def _free_username(wanted: str) -> str:
    """A username like the one they have there, which nobody has here."""
    name = unicodedata.normalize("NFKC", wanted.partition("@")[0])
    name = "".join(letter if letter.isalnum() or letter in ".+-_" else "-" for letter in name).strip(".+-")
    try:
        name = clean_username(name[: USERNAME_LENGTH - 20])
    except ValidationError:
        name = "person"
    tries = [name, *(f"{name}-{number}" for number in range(2, NUMBERS)), f"{name}-{secrets.token_hex(6)}"]
    return next(each for each in tries if not User.objects.named(each).exists())


def _link(
    provider: IdentityProvider, user: User, vouched: Vouched, *, actor: User | None, is_news: bool = True
) -> Identity:
    try:
        with transaction.atomic():
            identity = Identity.objects.create(
                provider=provider, user=user, subject=vouched.subject, email=vouched.email
            )
    except IntegrityError as error:
        raise NotLetIn(provider, user) from error
    if is_news:
        send_later("identity_connected", to=user, provider=provider.name)
    audit.record("identity.connected", actor=actor, target=user, after=_facts(identity))
    return identity


def _lock(provider: IdentityProvider) -> IdentityProvider:
    found = IdentityProvider.objects.select_for_update().filter(pk=provider.pk).first()
    if found is None:
        raise NotLetIn(provider)
    return found


def _facts(identity: Identity) -> dict[str, Any]:
    return {"provider": identity.provider.name, "subject": identity.subject, "email": identity.email}
