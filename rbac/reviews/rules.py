"""Who may decide about the lines of an access review, and who may close it; each rule answers one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.teams import sees_everyone
from rbac.models import Review, ReviewItem
from rbac.role_map import current_role_map
from rbac.rules import person_refusal, read_ahead, role_grant_refusal


def refusals(actor: User, lines: Sequence[ReviewItem]) -> dict[int, str]:
    """Why `actor` may not decide about these lines, by their keys: what they could not take away they do not confirm.

    Read with person, assignment and role; asks a fixed number of queries, however many lines there are.
    """
    people = {line.user_id: line.user for line in lines}
    read_ahead(list(people.values()))
    roles = current_role_map()
    by_role: dict[int, str | None] = {}
    by_person = {key: person_refusal(actor, person) for key, person in people.items()}
    found = {}
    for line in lines:
        if line.user_id == actor.pk:
            found[line.pk] = _("Somebody else decides about your roles.")
        elif line.assignment is not None:
            role = line.assignment.role
            if role.pk not in by_role:
                by_role[role.pk] = role_grant_refusal(actor, role, roles=roles)
            if sentence := by_person[line.user_id] or by_role[role.pk]:
                found[line.pk] = sentence
    return found


def closing_refusal(actor: User, review: Review) -> str | None:
    """Why `actor` may not close the review: it is its starter's, or of who sees everybody and stands above them."""
    starter = review.started_by
    if starter == actor:
        return None
    if not sees_everyone(actor):
        return _("Whoever began this review closes it, or somebody who sees everybody.")
    return person_refusal(actor, starter) if starter is not None else None
