"""With what somebody could sign in, and whether they still could without one of these."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import Identity, IdentityProvider, Passkey, User
from settings_store.store import get_setting


def ways_left(user: User, *, besides: Passkey | Identity) -> bool:
    """Whether this person has a password, or a passkey or provider besides this one that signs people in here."""
    passkeys, identities = _signing_in()
    if isinstance(besides, Passkey):
        passkeys = passkeys.exclude(pk=besides.pk)
    else:
        identities = identities.exclude(pk=besides.pk)
    return user.has_usable_password() or passkeys.filter(user=user).exists() or identities.filter(user=user).exists()


def stranded_without(provider: IdentityProvider) -> int:
    """How many people could not sign in any more without this provider."""
    passkeys, identities = _signing_in()
    elsewhere = identities.exclude(provider=provider)
    alone = (
        User.objects.filter(identities__provider=provider)
        .exclude(pk__in=passkeys.values("user"))
        .exclude(pk__in=elsewhere.values("user"))
    )
    return sum(not user.has_usable_password() for user in alone.only("password").distinct())


def _signing_in() -> tuple[QuerySet[Passkey], QuerySet[Identity]]:
    passkeys = (
        Passkey.objects.all() if get_setting("accounts.second_factor.passkey_sign_in") else Passkey.objects.none()
    )
    return passkeys, Identity.objects.filter(provider__is_enabled=True)
