"""Access reviews: at a date, each assignment of a role or of a team is confirmed or taken away."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.teams import sees_everyone
from rbac.models.assignment import Assignment
from rbac.models.role import Role

# What was decided of a line is kept with it, and as a reason at the assignment, behind the name of the review.
NOTE_LENGTH = 200


class ReviewQuerySet(models.QuerySet["Review"]):
    def running(self) -> Self:
        return self.filter(closed_at__isnull=True)

    def closed(self) -> Self:
        return self.filter(closed_at__isnull=False)

    def about(self, *, role: Role | None, supervisor: User | None) -> Self:
        return self.filter(role=role, supervisor=supervisor)

    def visible_to(self, viewer: User) -> Self:
        """Those that `viewer` began, or that list somebody in their sight; all for who sees everybody."""
        if sees_everyone(viewer):
            return self
        listed = ReviewItem.objects.visible_to(viewer).values("review_id")
        return self.filter(Q(started_by=viewer) | Q(pk__in=listed))


class Review(models.Model):
    """A dated list of assignments, those of one role or of one supervisor's team, as they were when it began."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    # What it is about, as it was called when it began; the role or the person may go.
    subject = models.CharField(_("subject"), max_length=150)
    role = models.ForeignKey(
        Role, models.SET_NULL, null=True, blank=True, related_name="reviews", verbose_name=_("role")
    )
    supervisor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("team of"),
    )
    due_on = models.DateField(_("due"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now, editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("started by"),
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("closed by"),
    )

    objects = ReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("access review")
        verbose_name_plural = _("access reviews")

    def __str__(self) -> str:
        return self.subject

    @property
    def is_running(self) -> bool:
        return self.closed_at is None

    @property
    def is_of_team(self) -> bool:
        """About the team of a supervisor; else about a role, which may be deleted since. People are not."""
        return self.supervisor_id is not None

    @property
    def is_overdue(self) -> bool:
        return self.is_running and self.due_on is not None and self.due_on < timezone.localdate()


class Standing(models.TextChoices):
    """Where a line stands: what was decided, or that nothing is to be decided any more."""

    UNDECIDED = "undecided", _("undecided")
    CONFIRMED = "confirmed", _("confirmed")
    REVOKED = "revoked", _("taken away")
    ENDED = "ended", _("ended meanwhile")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many lines stand where, in the order of `Standing`."""

    total: int = 0
    undecided: int = 0
    confirmed: int = 0
    revoked: int = 0
    ended: int = 0

    @property
    def done(self) -> int:
        return self.total - self.undecided


class ReviewItemQuerySet(models.QuerySet["ReviewItem"]):
    def visible_to(self, viewer: User) -> Self:
        """The lines about people in the sight of `viewer`."""
        return self.filter(user__in=User.objects.visible_to(viewer).values("pk"))

    def standing(self, standing: Standing) -> Self:
        """Those of which `ReviewItem.standing` says this."""
        return self.filter(_stands(standing))

    def outdated(self) -> Self:
        """Those of which `ReviewItem.is_outdated` says so."""
        return self.filter(_outdated(timezone.now()))

    def tallies(self) -> dict[int, Tally]:
        """How many of these lines stand where, by the key of their review, in one query."""
        counts = {str(each.value): Count("pk", filter=_stands(each)) for each in Standing}
        counted = self.order_by().values("review_id").annotate(total=Count("pk"), **counts)
        rows = counted.values_list("review_id", "total", *counts)
        return {review_id: Tally(*numbers) for review_id, *numbers in rows}


def _stands(standing: Standing) -> Q:
    now = timezone.now()
    if standing is Standing.REVOKED:
        return Q(decision=standing.value)
    if standing is Standing.CONFIRMED:
        return Q(decision=standing.value) & ~_outdated(now)
    # The same question as AssignmentQuerySet.over, as long as the review runs; closing it writes down the answer.
    is_over = Q(assignment__isnull=True) | Q(assignment__is_open__isnull=True) | Q(assignment__ends_at__lte=now)
    is_closed = Q(review__closed_at__isnull=False)
    if standing is Standing.UNDECIDED:
        return Q(decision="") & (is_closed | _lasting(now)) | _outdated(now)
    return Q(decision=ReviewItem.Decision.ENDED) | Q(decision="", review__closed_at__isnull=True) & is_over


def _lasting(now: datetime) -> Q:
    return Q(assignment__is_open=True) & (Q(assignment__ends_at__isnull=True) | Q(assignment__ends_at__gt=now))


def _outdated(now: datetime) -> Q:
    # Answers yes or no for every row, never that it is unknown, so that it may be turned round.
    begins = Coalesce("assignment__starts_at", "assignment__assigned_at")
    is_changed = (
        Q(since__lt=begins)
        | Q(since__gt=begins)
        | Q(until__lt=F("assignment__ends_at"))
        | Q(until__gt=F("assignment__ends_at"))
        | Q(until__isnull=True, assignment__ends_at__isnull=False)
        | Q(until__isnull=False, assignment__ends_at__isnull=True)
        | (~Q(reason=F("assignment__reason")))
    )
    is_confirmed = Q(decision=ReviewItem.Decision.CONFIRMED, review__closed_at__isnull=True)
    return is_confirmed & _lasting(now) & is_changed


class ReviewItem(models.Model):
    """One assignment of a review, as it was when the review began, and what was decided about it."""

    class Decision(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        REVOKED = "revoked", _("taken away")
        # Written down when the review is closed, for what nobody had to decide.
        ENDED = "ended", _("ended meanwhile")

    review = models.ForeignKey(Review, models.CASCADE, related_name="items", verbose_name=_("review"))
    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    # Null where its role was deleted since.
    assignment = models.ForeignKey(
        Assignment, models.SET_NULL, null=True, related_name="+", verbose_name=_("assignment")
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("person"))
    role_name = models.CharField(_("role"), max_length=60)
    # As it was when the review began, then as it was confirmed: the assignment may be changed, or go with its role.
    since = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    until = models.DateTimeField(_("until"), null=True, blank=True, editable=False)
    given_by = models.CharField(_("assigned by"), max_length=150, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    # Of the person, when the review was closed.
    last_login = models.DateTimeField(_("last sign-in"), null=True, blank=True, editable=False)
    decision = models.CharField(_("decision"), max_length=10, choices=Decision, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("decided by"),
    )

    objects = ReviewItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("line of an access review")
        verbose_name_plural = _("lines of access reviews")
        constraints = [models.UniqueConstraint(fields=["review", "assignment"], name="review_item_assignment")]

    def __str__(self) -> str:
        return f"{self.user}: {self.role_name}"

    def standing(self, now: datetime) -> Standing:
        """Where it stands at `now`; read with its review and its assignment."""
        if self.decision and not self.is_outdated(now):
            return Standing(self.decision)
        if self.review.is_running and not self.is_lasting(now):
            return Standing.ENDED
        return Standing.UNDECIDED

    def is_lasting(self, now: datetime) -> bool:
        """Whether its assignment counts, will count, or may be made to count again."""
        over = (Assignment.State.EXPIRED, Assignment.State.ENDED)
        return self.assignment is not None and self.assignment.state(now) not in over

    def is_outdated(self, now: datetime) -> bool:
        """Whether other dates or another reason were confirmed than it has by now: then nobody has decided about it."""
        is_confirmed = self.decision == self.Decision.CONFIRMED and self.review.is_running
        return is_confirmed and self.is_lasting(now) and self.is_changed()

    def is_changed(self) -> bool:
        """Whether the assignment has another reason or other dates than the line knows."""
        row = self.assignment
        return row is not None and (row.starts_at or row.assigned_at, row.ends_at, row.reason) != (
            self.since,
            self.until,
            self.reason,
        )
