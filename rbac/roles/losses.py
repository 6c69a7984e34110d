"""Nobody takes anything from people beyond their reach, by a role that stands within it neither."""

from __future__ import annotations

from collections import defaultdict

from django.utils.translation import gettext as _

from accounts.models import User
from rbac.models import Assignment
from rbac.role_map import RoleMap
from rbac.rules import outranked, reach_in_words


def loss_refusal(actor: User | None, before: RoleMap, after: RoleMap) -> str | None:
    """Why `actor` may not make the roles like `after`: somebody who stands above them would lose a permission by it.

    Whoever keeps it through another role loses nothing, and nobody is above their own self.
    """
    lessened = [each for each in before.own if before.permissions(each) - after.permissions(each)]
    if actor is None or not lessened:
        return None
    above = [each for each, priority in before.priorities.items() if outranked(actor, priority)]
    # Those too who stand above only later, as for every other act upon them.
    people = Assignment.objects.lasting().filter(role__in=above).exclude(user=actor.pk).values("user_id")
    losing = Assignment.objects.counting().filter(role__in=lessened, user__in=people, user__is_superuser=False)
    held: dict[int, set[int]] = defaultdict(set)
    counting = Assignment.objects.counting().filter(user__in=losing.values("user_id"))
    for user_id, role_id in counting.values_list("user_id", "role_id"):
        held[user_id].add(role_id)
    for role_ids in set(map(frozenset, held.values())):
        was = frozenset().union(*(before.permissions(each) for each in role_ids))
        if was - frozenset().union(*(after.permissions(each) for each in role_ids)):
            return _("Somebody beyond your reach would lose something by this. %(reach)s") % {
                "reach": reach_in_words(actor)
            }
    return None
