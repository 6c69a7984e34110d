"""Admins by break-glass: everything is theirs whatever roles they hold, by command alone."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from rbac.backend import forget
from rbac.models import Assignment
from rbac.rules import is_last_admin, last_admin_sentence
from rbac.system_roles import ADMIN
from settings_store import audit


@transaction.atomic
def set_superuser(*, user: User, is_superuser: bool) -> bool:
    """Make somebody an admin by break-glass, or an ordinary person again; answers whether anything changed."""
    # Locks the role of admins first, so that the last two cannot be taken at once.
    is_last = is_last_admin(user)
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.is_superuser == is_superuser:
        return False
    if is_superuser and not row.is_active:
        raise ValidationError(_("%(person)s is deactivated.") % {"person": row}, code="refused")
    held = Assignment.objects.counting().filter(user=row, role__system_key=ADMIN, ends_at__isnull=True)
    if not is_superuser and is_last and not held.exists():
        raise ValidationError(last_admin_sentence(row), code="refused")
    row.is_superuser = is_superuser
    row.save(update_fields=["is_superuser", "updated_at"])
    forget(user)
    audit.record(
        "user.superuser_changed",
        actor=None,
        target=row,
        before={"is_superuser": not is_superuser},
        after={"is_superuser": is_superuser},
    )
    return True
