"""One act upon many people, from the question whether it shall be done to the list of who was refused."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User

# A task that has not moved for so long has died with its worker.
STALLED_AFTER = timedelta(seconds=45)


class BulkAct(models.Model):
    """The people are fixed when it is asked for: what is confirmed is what happens, whoever comes or goes meanwhile."""

    class State(models.TextChoices):
        ASKED = "asked", _("not confirmed")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("stopped")

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    act = models.CharField(_("act"), max_length=40)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.ASKED)
    created_by = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("created by"))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    # When somebody was last done; a running one that stands still can be gone on with.
    touched_at = models.DateTimeField(_("last moved"), default=timezone.now)
    # The address of the list they were chosen on, with what it was narrowed to, for the way back.
    query = models.CharField(_("filters"), max_length=1000, blank=True)
    people = models.JSONField(_("people"), default=list)
    total = models.PositiveIntegerField(_("number of people"), default=0)
    # Chosen, but not to be seen by whoever asked.
    left_out = models.PositiveIntegerField(_("left out"), default=0)
    # What the form of the act was filled in with, and from where it was sent.
    fields = models.JSONField(_("details"), default=dict, blank=True)
    around = models.JSONField(_("circumstances"), default=dict, blank=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    # Name and sentence of the first who were refused.
    refused = models.JSONField(_("refused"), default=list, blank=True)
    refused_count = models.PositiveIntegerField(_("number refused"), default=0)
    # Why it was stopped.
    trouble = models.CharField(_("trouble"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("act upon many people")
        verbose_name_plural = _("acts upon many people")

    def __str__(self) -> str:
        return self.act

    @property
    def succeeded(self) -> int:
        return self.done - self.refused_count

    @property
    def is_stalled(self) -> bool:
        return self.state == self.State.RUNNING and self.touched_at < timezone.now() - STALLED_AFTER
