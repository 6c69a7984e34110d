"""Who may give what to whom: each rule answers one sentence where it refuses, and nothing where it does not.

Nobody grants what they lack, nobody touches a person or a role above their own rank (of their own rank only with
roles.admin), and the last admin stays. An actor of None is the installation itself.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from rbac.backend import rank, ranked
from rbac.models import Assignment, Role
from rbac.role_map import RoleMap, current_role_map
from rbac.system_roles import ADMIN
from ui.registry import registry

# Whoever holds one of these can come to hold everything, so handing them out or taking them asks for the password.
# A provider vouches for people, so whoever sets one up can come in as any of them.
POWERS = frozenset({"roles.write", "roles.admin", "identities.write"})


# Acts after which whoever did them could come in as that person: rank alone is not enough for these.
HANDS_OVER = frozenset({"give_password", "rename", "reset_factors", "invite"})


def outranked(actor: User | None, priority: int) -> bool:
    """Whether something of this priority stands beyond the reach of `actor`."""
    if actor is None:
        return False
    return priority > _reach(actor)


def reach_in_words(actor: User) -> str:
    """The one sentence on what rank means, where it is explained as where it refuses."""
    return _("Your rank reaches roles up to priority %(priority)d.") % {"priority": max(0, _reach(actor))}


def _reach(actor: User) -> int:
    own = ranked(actor).role_priority
    return own if actor.has_perm("roles.admin") else own - 1


def person_refusal(actor: User | None, user: User) -> str | None:
    """Why `actor` may not act upon `user`: by what that person is, or has been promised to become."""
    if actor is not None and outranked(actor, _rank_to_come(user)):
        return _("%(person)s holds a role beyond your reach. %(reach)s") % {
            "person": user,
            "reach": reach_in_words(actor),
        }
    return None


def user_refusal(actor: User | None, target: User, act: str) -> str | None:
    """The rule accounts asks before it changes a person; `act` is the word its action gives."""
    if act == "deactivate" and is_last_admin(target):
        return last_admin_sentence(target)
    if actor is not None and actor.pk == target.pk and act != "deactivate":
        return None
    if act == "impersonate" and actor is not None:
        return impersonation_refusal(actor, target)
    refused = person_refusal(actor, target)
    if refused is None and actor is not None and act in HANDS_OVER and _rights_to_come(target) - ranked(actor).granted:
        return _("%(person)s may do what you may not, and this would be a way to it.") % {"person": target}
    return refused


def impersonation_refusal(actor: User, user: User) -> str | None:
    """Why `actor` may not act as `user`: never upward, and never sideways either, whatever they hold."""
    if _rank_to_come(user) >= ranked(actor).role_priority:
        return _("%(person)s holds a role of your own rank or above.") % {"person": user}
    # A low rank may hold a right that the actor lacks, and acting would be a way to it.
    if ranked(user).granted - ranked(actor).granted:
        return _("%(person)s may do what you may not.") % {"person": user}
    return None


def _rank_to_come(user: User) -> int:
    # Whoever sets the password of somebody who is admin from tomorrow on is admin tomorrow.
    promised: int | None = user.__dict__.get("promised_priority")
    if promised is None:
        promised = _promised([user]).get(user.pk, 0)
    return max(ranked(user).role_priority, promised)


def read_ahead(people: Collection[User]) -> None:
    """Rank these people, and note what each is promised, in two queries."""
    rank(people)
    promised = _promised(people)
    for person in people:
        person.__dict__["promised_priority"] = promised.get(person.pk, 0)


def _promised(people: Collection[User]) -> dict[int, int]:
    unended = Assignment.objects.unended().filter(user__in=people).values_list("user_id")
    return dict(unended.annotate(highest=Max("role__priority")).order_by())


def _rights_to_come(user: User) -> frozenset[str]:
    """What somebody may do now or will by a role that begins later, also while they are deactivated."""
    roles = current_role_map()
    promised = Assignment.objects.unended().filter(user=user).values_list("role_id", flat=True)
    return ranked(user).granted.union(*(roles.permissions(role_id) for role_id in promised))


def is_powerful(user: User) -> bool:
    """Whether somebody holds one of the powers, or may act as others, now or by a role that begins later."""
    roles = current_role_map()
    promised = Assignment.objects.unended().filter(user=user).values_list("role_id", flat=True)
    return any((POWERS | {"users.admin"}) & roles.permissions(role_id) for role_id in promised)


def grant_refusal(actor: User | None, user: User, role: Role) -> str | None:
    """Why `actor` may not give or take `role` to or from `user`."""
    if actor is None:
        return None
    if outranked(actor, role.priority):
        return _("The role %(role)s has priority %(priority)d. %(reach)s") % {
            "role": role,
            "priority": role.priority,
            "reach": reach_in_words(actor),
        }
    return person_refusal(actor, user) or lacking_refusal(actor, current_role_map().permissions(role.pk))


def lacking_refusal(actor: User | None, names: Collection[str]) -> str | None:
    """Why `actor` may not hand out these permissions."""
    if actor is None:
        return None
    lacking = sorted(name for name in names if not actor.has_perm(name))
    if not lacking:
        return None
    shown = ", ".join(str(registry.permissions[name].label) for name in lacking[:3])
    more = len(lacking) - 3
    if more > 0:
        shown += ngettext(" and %(count)d more", " and %(count)d more", more) % {"count": more}
    return _("You cannot give what you do not have yourself: %(permissions)s.") % {"permissions": shown}


def role_refusal(actor: User | None, priority: int) -> str | None:
    """Why `actor` may not create, change or delete a role of this priority."""
    if actor is not None and outranked(actor, priority):
        return reach_in_words(actor)
    return None


def descendants_refusal(actor: User | None, role: Role, roles: RoleMap) -> str | None:
    """Why `actor` may not take anything from `role`: those who inherit it would lose it too."""
    if actor is not None and any(outranked(actor, roles.priorities[child]) for child in roles.descendants(role.pk)):
        return _("A role beyond your reach inherits from %(role)s, so nothing can be taken from it. %(reach)s") % {
            "role": role,
            "reach": reach_in_words(actor),
        }
    return None


def is_last_admin(user: User) -> bool:
    """Whether without this person nobody would be admin for good; the row of the admin role is locked first."""
    role = Role.objects.select_for_update().filter(name_key=ADMIN).first()
    if role is None or not user.is_active:
        return False
    lasting = Assignment.objects.counting().filter(role=role, ends_at__isnull=True).values("user_id")
    admins = User.objects.active().filter(Q(pk__in=lasting) | Q(is_superuser=True))
    return set(admins.order_by("pk").values_list("pk", flat=True)[:2]) == {user.pk}


def last_admin_sentence(user: User) -> str:
    return _("%(person)s is the last admin. Make somebody else admin first.") % {"person": user}
