"""What tests of access reviews share."""

from __future__ import annotations

from accounts.models import User
from rbac.actions import assign_role, create_role
from rbac.models import Review, ReviewItem
from tests.rbac.conftest import make_person

LEAD = {"roles.read", "users.read", "users.write"}


def make_lead() -> User:
    """Somebody who sees roles and writes people, but only those of their own team, and reaches users and viewers."""
    head = make_person("user", "viewer", full_name="Lead")
    role = create_role(actor=None, name="Lead", priority=70, permissions=LEAD)
    assign_role(actor=None, user=head, role=role)
    return head


def url_of(review: Review, rest: str = "") -> str:
    return f"/roles/reviews/{review.public_id}/{rest}"


def line_of(review: Review, person: User) -> ReviewItem:
    return ReviewItem.objects.select_related("user", "review").get(review=review, user=person)


def decisions(review: Review) -> dict[str, str]:
    rows = ReviewItem.objects.filter(review=review).order_by("pk")
    return dict(rows.values_list("user__username", "decision"))
