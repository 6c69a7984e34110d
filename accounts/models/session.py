"""Where people are signed in, and the browsers they came from before."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from settings_store.store import get_setting
from ui.devices import device_in_words, is_phone


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> Self:
        return self.filter(expire_date__gt=timezone.now())

    def over(self) -> Self:
        return self.filter(expire_date__lte=timezone.now())


class SessionManager(BaseSessionManager["Session"]):
    """Django's own for sessions, with the questions of this house."""

    def get_queryset(self) -> SessionQuerySet:
        return SessionQuerySet(self.model, using=self._db)

    def live(self) -> SessionQuerySet:
        return self.get_queryset().live()

    def over(self) -> SessionQuerySet:
        return self.get_queryset().over()


class Session(AbstractBaseSession):
    """One signed-in browser. The key is the SHA-256 of its cookie, so that reading this table opens no door."""

    session_key = models.CharField(_("hash of the cookie"), max_length=64, primary_key=True, editable=False)
    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        User,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="sessions",
        verbose_name=_("user"),
    )
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    signed_in_at = models.DateTimeField(_("signed in"), null=True, blank=True)
    last_activity = models.DateTimeField(_("last activity"), default=timezone.now)
    # When it ends however busy it is; `expire_date`, when it ends idle, never lies beyond.
    ends_at = models.DateTimeField(_("ends at the latest"))
    # Through whose eyes its person looks, and since when; columns, because data are written back as they were read.
    acting_as = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("acting as")
    )
    acting_since = models.DateTimeField(_("acting since"), null=True, blank=True)

    objects: ClassVar[SessionManager] = SessionManager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [models.Index(fields=["user", "-last_activity"], name="session_user_activity")]

    def __str__(self) -> str:
        return self.device

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_module(settings.SESSION_ENGINE).SessionStore

    @property
    def device(self) -> str:
        return device_in_words(self.user_agent)

    @property
    def on_phone(self) -> bool:
        return is_phone(self.user_agent)

    def is_over(self, *, now: datetime, idle: timedelta, absolute: timedelta) -> bool:
        """Whether it has run out, by what was promised when it began and by the limits that hold now."""
        begun = self.signed_in_at or self.last_activity
        return min(self.expire_date, self.ends_at, self.last_activity + idle, begun + absolute) <= now


class DeviceQuerySet(models.QuerySet["Device"]):
    def trusted(self) -> Self:
        """Those that spare their person the second step at this moment."""
        now, days = timezone.now(), int(get_setting("accounts.second_factor.remember_days"))
        # What was promised does not outlive a shorter time, or none, that was decided since.
        return self.remembered().filter(trusted_since__gt=now - timedelta(days=days))

    def remembered(self) -> Self:
        """Those as well whose time was made shorter since, and that a longer one would bring back."""
        return self.filter(trusted_until__gt=timezone.now())


class Device(models.Model):
    """A browser that somebody signed in from, known again by a cookie of which only the SHA-256 is kept."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="devices", verbose_name=_("user"))
    token_hash = models.CharField(_("hash of the cookie"), max_length=64, editable=False)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    first_seen_at = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now)
    # When it was promised to spare the second step, and until when; empty where the person did not ask for that.
    trusted_since = models.DateTimeField(_("remembered"), null=True, blank=True, editable=False)
    trusted_until = models.DateTimeField(_("remembered until"), null=True, blank=True)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        constraints = [models.UniqueConstraint(fields=["user", "token_hash"], name="device_user_token")]

    def __str__(self) -> str:
        return device_in_words(self.user_agent)

    @property
    def on_phone(self) -> bool:
        return is_phone(self.user_agent)
