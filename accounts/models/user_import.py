"""People on their way in from a file."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.bulk_act import STALLED_AFTER
from accounts.models.user import User


class UserImportQuerySet(models.QuerySet["UserImport"]):
    def visible_to(self, viewer: User) -> Self:
        """One's own, and for whoever administers people those of others."""
        return self if viewer.has_perm("users.admin") else self.filter(created_by=viewer)


class UserImport(models.Model):
    """A file of people: uploaded, looked at line by line, then brought in by a task that can be followed."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("uploaded")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    # When a line was last looked at or brought in; a running one that stands still can be gone on with.
    touched_at = models.DateTimeField(_("last moved"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.UPLOADED)
    filename = models.CharField(_("file"), max_length=200, blank=True)
    # The file itself, sealed for it may hold password hashes; empty once everybody in it was brought in.
    sealed_file = models.BinaryField(_("content"), null=True, blank=True)
    # Which column of the file is what, and what is to happen with the people in it.
    columns = models.JSONField(_("columns"), default=dict, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    total = models.PositiveIntegerField(_("lines"), default=0)
    # Lines looked at or brought in; what is up to here is not done again after a crash.
    done = models.PositiveIntegerField(_("lines done"), default=0)
    made = models.PositiveIntegerField(_("people made"), default=0)
    # The wrong lines, as many as are kept: number of the line, column, and the sentence.
    errors = models.JSONField(_("errors"), default=list, blank=True)
    error_count = models.PositiveIntegerField(_("wrong lines"), default=0)
    # Why it was stopped.
    trouble = models.CharField(_("trouble"), max_length=500, blank=True)

    objects = UserImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import of people")
        verbose_name_plural = _("imports of people")

    def __str__(self) -> str:
        return self.filename

    @property
    def is_working(self) -> bool:
        return self.state in {self.State.CHECKING, self.State.RUNNING}

    @property
    def is_stalled(self) -> bool:
        return self.is_working and self.touched_at < timezone.now() - STALLED_AFTER
