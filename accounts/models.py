"""Who people are, and where each of them is signed in."""

from __future__ import annotations

import unicodedata
import uuid
from typing import Any, ClassVar, Self

from django.contrib.auth.models import (
    AbstractBaseUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

USERNAME_PATTERN = r"^[\w][\w.+-]*$"


def normalised(name: str) -> str:
    """The form in which e-mail addresses and usernames are compared: NFKC and case-folded (Unicode TR 36)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


class UserQuerySet(models.QuerySet["User"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def named(self, name: str) -> Self:
        """The one person with this e-mail address or username, however it is written."""
        key = normalised(name)
        return self.filter(models.Q(email_key=key) if "@" in key else models.Q(username_key=key))

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


class UserManager(BaseUserManager.from_queryset(UserQuerySet)["User"]):  # type: ignore[misc]
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username_key=normalised(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Deactivated, never deleted, so that what they wrote and did keeps its name."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    username = models.CharField(
        _("username"),
        max_length=150,
        validators=[
            RegexValidator(
                USERNAME_PATTERN,
                _("Use letters, digits and . + - _ only, beginning with a letter."),
            )
        ],
    )
    email = models.EmailField(_("email address"), max_length=254)
    # Uniqueness without regard to case, in a way that every database enforces alike.
    username_key = models.CharField(max_length=150, unique=True, editable=False)
    email_key = models.CharField(max_length=254, unique=True, editable=False)
    full_name = models.CharField(_("full name"), max_length=150, blank=True)
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

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        indexes = [models.Index(fields=["is_active", "username_key"], name="user_active_username")]

    def __str__(self) -> str:
        return self.full_name or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.username_key, self.email_key = (
            normalised(self.username),
            normalised(self.email),
        )
        fields = kwargs.get("update_fields")
        if fields is not None:
            keys = {f"{name}_key" for name in ("username", "email") if name in fields}
            kwargs["update_fields"] = {*fields, *keys}
        super().save(*args, **kwargs)

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
        return self.filter(expire_date__gt=timezone.now(), ends_at__gt=timezone.now())


class Session(AbstractBaseSession):
    """One signed-in browser. The key is the SHA-256 of its cookie, so that reading this table opens no door."""

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
    ends_at = models.DateTimeField(_("ends at the latest"))

    objects = SessionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(AbstractBaseSession.Meta):
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [models.Index(fields=["user", "-last_activity"], name="session_user_activity")]

    @classmethod
    def get_session_store_class(cls) -> Any:
        from accounts.sessions import (
            SessionStore,
        )  # Django's own pattern: store and model name each other

        return SessionStore
