"""Who else vouches for people: OpenID Connect providers, and whom each of them knows."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from accounts.names import exact_key
from settings_store.database import ReferredQuerySet


class IdentityProviderQuerySet(ReferredQuerySet["IdentityProvider"]):
    def enabled(self) -> Self:
        return self.filter(is_enabled=True)


class IdentityProvider(models.Model):
    """A server that people may sign in with (OpenID Connect Core 1.0)."""

    class Joining(models.TextChoices):
        """Whom a first sign-in makes an account for; with none, it only ever links to one that is there."""

        NOBODY = "nobody", _("nobody: accounts are made here first")
        POLICY = "policy", _("whoever may register here")
        EVERYBODY = "everybody", _("everybody this provider knows")

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    # Stands in the address that the provider sends people back to, so it never changes.
    slug = models.SlugField(_("short name"), max_length=40, unique=True)
    issuer = models.CharField(_("issuer"), max_length=500)
    client_id = models.CharField(_("client id"), max_length=255)
    sealed_secret = models.BinaryField(_("client secret"), max_length=2000, null=True, blank=True)
    scopes = models.CharField(_("scopes"), max_length=300, default="openid email profile")
    is_enabled = models.BooleanField(_("enabled"), default=True)
    allow_private = models.BooleanField(_("may lie in a private network"), default=False)
    joining = models.CharField(_("makes accounts for"), max_length=12, choices=Joining, default=Joining.NOBODY)
    # Whether a first sign-in may link to the account with the same address, where the provider says it is verified.
    links_by_email = models.BooleanField(_("links by verified email"), default=True)
    role_claim = models.CharField(_("claim with roles"), max_length=120, blank=True)
    # How the last call to it ended, empty where all was well.
    trouble = models.CharField(_("trouble"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = IdentityProviderQuerySet.as_manager()

    class Meta:
        verbose_name = _("identity provider")
        verbose_name_plural = _("identity providers")

    def __str__(self) -> str:
        return self.name


class Identity(models.Model):
    """A person as one provider knows them: by its subject, which never changes hands."""

    user = models.ForeignKey(User, models.CASCADE, related_name="identities", verbose_name=_("user"))
    provider = models.ForeignKey(
        IdentityProvider, models.PROTECT, related_name="identities", verbose_name=_("provider")
    )
    subject = models.CharField(_("subject"), max_length=255)
    subject_key = models.CharField(max_length=64, editable=False)
    email = models.CharField(_("email address there"), max_length=254, blank=True)
    created_at = models.DateTimeField(_("linked"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [
            models.UniqueConstraint(fields=["provider", "subject_key"], name="identity_provider_subject_key"),
            models.UniqueConstraint(fields=["user", "provider"], name="identity_user_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.provider}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        # A subject never changes, so this is written with the first save alone.
        self.subject_key = exact_key(self.subject)
        super().save(*args, **kwargs)
