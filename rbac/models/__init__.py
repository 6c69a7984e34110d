"""What people may do: roles, who holds them, permissions of other programs, and reviews of it all."""

from rbac.models.assignment import Assignment, AssignmentQuerySet, ClaimRole
from rbac.models.permission import CustomPermission
from rbac.models.review import Review, ReviewItem, ReviewItemQuerySet, ReviewQuerySet, Standing, Tally
from rbac.models.role import Role, RoleMapVersion, RoleQuerySet

__all__ = [
    "Assignment",
    "AssignmentQuerySet",
    "ClaimRole",
    "CustomPermission",
    "Review",
    "ReviewItem",
    "ReviewItemQuerySet",
    "ReviewQuerySet",
    "Role",
    "RoleMapVersion",
    "RoleQuerySet",
    "Standing",
    "Tally",
]
