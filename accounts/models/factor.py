"""What people prove themselves with besides a password: codes by time, recovery codes, passkeys."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User


class Totp(models.Model):
    """The authenticator app of a person (RFC 6238), confirmed by a code before the row is made."""

    user = models.OneToOneField(User, models.CASCADE, related_name="totp", verbose_name=_("user"))
    sealed_secret = models.BinaryField(_("secret"), max_length=200)
    # The newest step of 30 seconds whose code was used; nothing at or before it is taken again.
    last_step = models.BigIntegerField(_("last step"), default=0, editable=False)
    created_at = models.DateTimeField(_("set up"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("authenticator app")
        verbose_name_plural = _("authenticator apps")

    def __str__(self) -> str:
        return str(self.user)


class RecoveryCodeQuerySet(models.QuerySet["RecoveryCode"]):
    def unused(self) -> Self:
        return self.filter(used_at=None)


class RecoveryCode(models.Model):
    """One of the codes for the day the app is lost; 80 random bits, of which only the SHA-256 is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes", verbose_name=_("user"))
    digest = models.CharField(_("hash of the code"), max_length=64, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    used_at = models.DateTimeField(_("used"), null=True, blank=True)

    objects = RecoveryCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_user_digest")]

    def __str__(self) -> str:
        return str(self.user)


class Passkey(models.Model):
    """A public key whose private half a device of the person keeps (WebAuthn)."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="passkeys", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=80)
    credential_id = models.BinaryField(_("credential id"), max_length=1023)
    # SHA-256 of the credential id: what is looked up, for ids are longer than some databases index.
    credential_key = models.CharField(max_length=64, unique=True, editable=False)
    public_key = models.BinaryField(_("public key"), max_length=2000)
    sign_count = models.BigIntegerField(_("signatures counted"), default=0)
    transports = models.JSONField(_("transports"), default=list, blank=True)
    is_backed_up = models.BooleanField(_("synchronised"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("passkey")
        verbose_name_plural = _("passkeys")

    def __str__(self) -> str:
        return self.name


def has_factor(user: User) -> bool:
    """Whether this person has a second factor; two queries at most."""
    return Totp.objects.filter(user=user).exists() or Passkey.objects.filter(user=user).exists()
