"""Who people are, and where each of them is signed in."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth import get_backends
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.names import EMAIL_LENGTH, USERNAME_LENGTH, normalised, storable, username_validator
from ui.devices import device_in_words, is_phone


class UserQuerySet(models.QuerySet["User"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def named(self, name: str) -> Self:
        """The one person with this e-mail address or username, however it is written."""
        key = normalised(name)
        if not key or not storable(key):
            return self.none()
        # A username never holds an @, so the two kinds of name cannot be mistaken for one another.
        return self.filter(email_key=key) if "@" in key else self.filter(username_key=key)

    def matching(self, words: str) -> Self:
        """Those in whose username, e-mail address or full name each of the words occurs."""
        people = self if storable(words) else self.none()
        for word in words.split():
            key = normalised(word)
            people = people.filter(
                models.Q(username_key__contains=key)
                | models.Q(email_key__contains=key)
                | models.Q(full_name__icontains=word)
            )
        return people

    def team_of(self, supervisor: User) -> Self:
        """Everybody below `supervisor`, however deep, not the supervisor; one recursive query."""
        table = self.model._meta.db_table
        return self.filter(
            pk__in=RawSQL(  # noqa: S611 - the only value, the supervisor's id, is a parameter
                # UNION, not UNION ALL: should a cycle ever exist, the recursion still ends.
                f"WITH RECURSIVE team(id) AS (SELECT id FROM {table} WHERE supervisor_id = %s "  # noqa: S608
                f"UNION SELECT person.id FROM {table} person JOIN team ON person.supervisor_id = team.id) "
                "SELECT id FROM team",
                [supervisor.pk],
            )
        ).exclude(pk=supervisor.pk)

    def visible_to(self, viewer: User) -> Self:
        """Whom `viewer` may look at: all with users.all, the own team with users.read, always oneself."""
        if viewer.has_perm("users.read") and viewer.has_perm("users.all"):
            return self
        if viewer.has_perm("users.read"):
            return self.filter(models.Q(pk=viewer.pk) | models.Q(pk__in=User.objects.team_of(viewer).values("pk")))
        return self.filter(pk=viewer.pk)


UserManager = BaseUserManager.from_queryset(UserQuerySet)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Deactivated, never deleted, so that what they wrote and did keeps its name."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    username = models.CharField(_("username"), max_length=USERNAME_LENGTH, validators=[username_validator])
    email = models.EmailField(_("email address"), max_length=EMAIL_LENGTH)
    # Uniqueness without regard to case, in a way that every database enforces alike.
    username_key = models.CharField(max_length=USERNAME_LENGTH, unique=True, editable=False)
    email_key = models.CharField(max_length=EMAIL_LENGTH, unique=True, editable=False)
    full_name = models.CharField(_("full name"), max_length=150, blank=True)
    # What lists sort people by: the full name where there is one, else the username.
    name_key = models.CharField(max_length=150, editable=False)
    bio = models.TextField(_("about"), max_length=2000, blank=True)
    language = models.CharField(_("language"), max_length=10, default="en")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    preferences = models.JSONField(_("preferences"), default=dict, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_verified = models.BooleanField(_("email verified"), default=False)
    must_change_password = models.BooleanField(_("must change password"), default=False)
    supervisor = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="reports",
        verbose_name=_("supervisor"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    created_by = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("created by"),
    )

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        indexes = [
            models.Index(fields=["name_key", "id"], name="user_name"),
            models.Index(fields=["-created_at", "-id"], name="user_created"),
            models.Index(fields=["-last_login", "-id"], name="user_last_login"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.username_key, self.email_key = normalised(self.username), normalised(self.email)
        self.name_key = normalised(str(self))[:150]
        fields = kwargs.get("update_fields")
        if fields is not None and {"username", "email", "full_name"}.intersection(fields):
            kwargs["update_fields"] = {*fields, "username_key", "email_key", "name_key"}
        super().save(*args, **kwargs)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Asks the backend alone: Django's own answer to a superuser is True, whatever was asked."""
        return any(backend.has_perm(self, perm, obj) for backend in get_backends())

    def has_module_perms(self, app_label: str) -> bool:
        return any(
            backend.has_module_perms(self, app_label)
            for backend in get_backends()
            if hasattr(backend, "has_module_perms")
        )

    @property
    def is_staff(self) -> bool:
        """Whether the Django admin opens at all; what it shows there is each model's own permission."""
        return self.has_perm("system.read")

    def get_full_name(self) -> str:
        return self.full_name or self.username

    def get_short_name(self) -> str:
        return self.full_name.partition(" ")[0] or self.username


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
