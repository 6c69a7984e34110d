"""What is read once for all steps of the answer to one question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from rbac.backend import ranked
from rbac.models import Assignment, Role
from rbac.why.kinds import Upon
from rbac.why.question import Found, Question
from rbac.why.verdict import Held, Route
from rbac.why.ways import ways
from ui.registry import Permission

# Assignments that are history: so many of them are shown.
OVER_SHOWN = 5


class Facts:
    """What is read once for all steps of one question."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.person = question.person
        self.page = question.page
        self.access = question.page.access if question.page else None
        self.object = question.object
        self.roles = question.roles

    @cached_property
    def named(self) -> dict[int, Role]:
        return Role.objects.in_bulk()

    @cached_property
    def wanted(self) -> list[Permission]:
        """The permissions that are asked for, as the guard asks for them."""
        if self.question.permission is not None:
            return [self.question.permission]
        if self.page is None or self.access is None:
            return []
        probe = _Probe()
        self.access.lacking(probe, self.page.match.kwargs)
        return [self.roles.known.get(name) or Permission(name, name) for name in probe.asked]

    @cached_property
    def missing(self) -> list[Permission]:
        return [each for each in self.wanted if not self.person.has_perm(each.name)]

    @cached_property
    def held(self) -> list[Held]:
        """Every assignment that counts or may come to count, and the newest of those that are over."""
        rows = Assignment.objects.filter(user=self.person).select_related("role", "assigned_by", "provider")
        now, names = timezone.now(), {each.name for each in self.missing or self.wanted}
        lasting = rows.lasting().order_by("-role__priority", "role__name_key")
        over = rows.over().order_by("-ends_at", "-ended_at", "-pk")[:OVER_SHOWN]
        return [
            Held(row, row.state(now), bool(names) and names <= self.roles.permissions(row.role_id))
            for row in (*lasting, *over)
        ]

    @cached_property
    def reach(self) -> str:
        """The permission by whose rows the object is reached."""
        kind = self.object.kind if self.object else None
        names = [each.name for each in self.wanted]
        return next((name for name in names if kind and name in kind.permissions), names[0] if names else "")

    @cached_property
    def upon(self) -> Sequence[Upon]:
        """The acts upon the object that are meant, the first of them above all, each with what refuses it."""
        if not self.wanted or self.object is None:
            return ()
        match = self.page.match if self.page else None
        return self.object.kind.upon(self.person, self.object.row, self.reach, match, self.roles)

    @cached_property
    def table(self) -> Any | None:
        """The Django admin's own view of a model, where the page is one of those."""
        return getattr(self.page.match.func, "model_admin", None) if self.page else None

    @cached_property
    def owned(self) -> tuple[Found, User] | None:
        """The object and whose it is, where there is a scope to look at."""
        owner = self.object.kind.owner(self.object.row) if self.object else None
        return (self.object, owner) if self.wanted and self.object and owner else None

    @property
    def given_by(self) -> str:
        routes = self.routes
        if self.person.is_superuser:
            return _("Yes. A break-glass superuser may do everything.")
        if routes:
            return _("Yes. %(role)s gives it.") % {"role": routes[0].roles[0]}
        return _("Yes. The permission is held.")

    @cached_property
    def routes(self) -> list[Route]:
        held = ranked(self.person).role_ids
        return [
            Route([self.named[role_id] for role_id in way], each)
            for each in self.wanted
            for way in ways(self.roles, held, each.name)
            if self.named.keys() >= set(way)
        ]

    def quoted(self, sentence: str) -> str:
        """A sentence of a rule: rules speak to whoever acts."""
        if self.question.is_own:
            return sentence
        return _("%(person)s is told: “%(sentence)s”") % {"person": self.person, "sentence": sentence}


class _Probe:
    """Somebody who may everything, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def has_perm(self, name: str) -> bool:
        self.asked.append(name)
        return True
