"""Who people are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from django.contrib.auth import get_backends
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts.hashers import UNREADABLE
from accounts.names import EMAIL_LENGTH, USERNAME_LENGTH, key_of, normalised, storable, username_validator
from settings_store.database import ReferredQuerySet


class UserQuerySet(ReferredQuerySet["User"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def named(self, name: str) -> Self:
        """The one person with this e-mail address or username, however it is written."""
        key = key_of(name)
        if not key or not storable(key):
            return self.none()
        # A username never holds an @, so the two kinds of name cannot be mistaken for one another.
        return self.filter(email_key=key) if "@" in key else self.filter(username_key=key)

    def matching(self, words: str) -> Self:
        """Those in whose username, e-mail address or full name each of the words occurs."""
        people = self if storable(words) else self.none()
        for word in words.split():
            key = key_of(word)
            people = people.filter(
                models.Q(username_key__contains=key)
                | models.Q(email_key__contains=key)
                | models.Q(email__icontains=word)
                | models.Q(full_name__icontains=word)
            )
        return people

    def team_of(self, supervisor: User) -> Self:
        """Everybody below `supervisor`, however deep, not the supervisor; one recursive query."""
        # Should a circle ever stand in the rows, whoever stands in it is not below themselves all the same.
        return self.filter(pk__in=team_keys(supervisor)).exclude(pk=supervisor.pk)

    def led_by(self, supervisor: User) -> Self:
        """`supervisor` and everybody below, however deep; one recursive query."""
        return self.filter(pk__in=_from(supervisor, "id"))

    def with_team(self) -> Self:
        """Those who look after somebody."""
        return self.filter(models.Exists(User.objects.filter(supervisor=models.OuterRef("pk"))))

    def visible_to(self, viewer: User) -> Self:
        """Whom `viewer` may look at: all with users.all, the own team with users.read, always oneself."""
        if not viewer.has_perm("users.read"):
            return self.filter(pk=viewer.pk)
        return self if viewer.has_perm("users.all") else self.led_by(viewer)


def team_keys(supervisor: User) -> RawSQL:
    """The keys of everybody below, for what belongs to people; in a circle of rows, the supervisor's too."""
    return _from(supervisor, "supervisor_id")


def _from(person: User, column: str) -> RawSQL:
    """The keys of whom `column` connects with this person, and of everybody below those."""
    table = User._meta.db_table
    # UNION, not UNION ALL: should a circle ever exist, the recursion still ends.
    return RawSQL(  # noqa: S611 - the only value, the key of the person, is a parameter
        f"WITH RECURSIVE team(id) AS (SELECT id FROM {table} WHERE {column} = %s "  # noqa: S608
        f"UNION SELECT person.id FROM {table} person JOIN team ON person.supervisor_id = team.id) "
        "SELECT id FROM team",
        [person.pk],
    )


# What is kept of a name to compare and to sort by.
_KEYS = {"username": ("username_key", "name_key"), "email": ("email_key",), "full_name": ("name_key",)}

UserManager = BaseUserManager.from_queryset(UserQuerySet)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Deactivated, never deleted, so that what they wrote and did keeps its name."""

    class JoinedBy(models.TextChoices):
        """How somebody came to be here."""

        CREATED = "created", _("created by an admin")
        INVITED = "invited", _("invited")
        REGISTERED = "registered", _("registered")
        PROVIDER = "provider", _("single sign-on")
        IMPORTED = "imported", _("imported")

    # Sentences for whoever makes this person, told once and not kept.
    remarks: Sequence[str] = ()

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
    password_changed_at = models.DateTimeField(_("password changed"), null=True, blank=True, editable=False)
    joined_by = models.CharField(
        _("came by"), max_length=12, choices=JoinedBy, default=JoinedBy.CREATED, editable=False
    )
    # While an invitation is open: until when its link is good.
    invited_until = models.DateTimeField(_("invited until"), null=True, blank=True, editable=False)
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
        self.username_key, self.email_key = key_of(self.username), key_of(self.email)
        self.name_key = normalised(str(self))[:150]
        fields = kwargs.get("update_fields")
        if fields is not None:
            kwargs["update_fields"] = {*fields, *(key for name in fields for key in _KEYS.get(name, ()))}
        super().save(*args, **kwargs)

    @sensitive_variables("raw_password")
    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is their password; to a hash that no library can read, none is."""
        try:
            return super().check_password(raw_password)
        except UNREADABLE:
            return False

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
    def must_have_factor(self) -> bool:
        """Whether one of their roles asks for a second factor; without a query for somebody who was loaded to act."""
        return any(backend.asks_factor(self) for backend in get_backends() if hasattr(backend, "asks_factor"))

    @property
    def is_invitation_over(self) -> bool:
        return self.invited_until is not None and self.invited_until <= timezone.now()

    @property
    def is_staff(self) -> bool:
        """Whether the Django admin opens at all; what it shows there is each model's own permission."""
        return self.has_perm("system.read")

    def get_full_name(self) -> str:
        return self.full_name or self.username

    def get_short_name(self) -> str:
        return self.full_name.partition(" ")[0] or self.username
