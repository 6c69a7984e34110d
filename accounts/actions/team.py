"""Moving somebody, with everybody below, to another supervisor."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.actions.user import lock_tree, update_user
from accounts.models import User


class MovedMeanwhile(Exception):
    """Somebody else moved this person after the page was made; `user` is who they are now."""

    def __init__(self, user: User) -> None:
        super().__init__(str(user))
        self.user = user


@transaction.atomic
def move_user(*, actor: User | None, user: User, supervisor: User | None, expected: UUID | None) -> User:
    """Put `user`, with everybody below, under `supervisor`, or under nobody.

    `expected` is the public id of whom they answered to when it was decided; MovedMeanwhile where that is not so now.
    """
    # Before the question, so that of two moves one comes second.
    lock_tree()
    now = User.objects.select_related("supervisor").get(pk=user.pk)
    if (now.supervisor.public_id if now.supervisor else None) != expected:
        raise MovedMeanwhile(now)
    return update_user(actor=actor, user=user, supervisor=supervisor)
