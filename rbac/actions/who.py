"""What leaves the house as a file about who may do what."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from settings_store import audit


@transaction.atomic
def record_who_export(*, actor: User, permission: str, thing: str, count: int) -> None:
    """Note that the list of those who hold a permission left as a file."""
    audit.record(
        "permission.holders_exported",
        actor=actor,
        target_name=permission,
        after={"permission": permission, "object": thing, "count": count},
    )
