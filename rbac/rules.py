"""Who may give what to whom: each rule answers one sentence where it refuses, and nothing where it does not.

Nobody grants what they lack, nobody touches a person or a role above their own rank (of their own rank only with
roles.admin), and the last admin stays. An actor of None is the installation itself.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User, UserQuerySet
from rbac.backend import PROMISED, forget, rank, ranked
from rbac.models import Assignment, Role, RoleQuerySet
from rbac.role_map import RoleMap, current_role_map
from rbac.system_roles import ADMIN

# Whoever holds one of these can come to hold everything, so handing them out or taking them asks for the password.
# A provider vouches for people, so whoever sets one up can come in as any of them.
POWERS = frozenset({"roles.write", "roles.admin", "users.admin", "identities.write"})


# Acts after which whoever did them could come in as that person: rank alone is not enough for these.
HANDS_OVER = frozenset({"give_password", "rename", "reset_factors", "invite"})


def outranked(actor: User | None, priority: int) -> bool:
    """Whether something of this priority stands beyond the reach of `actor`."""
    if actor is None:
        return False
    return priority > _reach(actor)


def right_refusal(actor: User | None, permission: str) -> str | None:
    """Why `actor` may not go on behind a lock: while it was waited for, somebody took the right ("roles.write").

    What they may is read anew, for this question and all that follow.
    """
    if actor is None:
        return None
    forget(actor)
    if actor.has_perm(permission):
        return None
    return _("You no longer have the permission %(name)s.") % {"name": permission.replace(".", ":")}


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
    promised: int | None = getattr(user, PROMISED, None)
    if promised is None:
        promised = _promised([user]).get(user.pk, 0)
    return max(ranked(user).role_priority, promised)


def read_ahead(people: Collection[User]) -> None:
    """Rank these people, and note what each is promised, in two queries."""
    rank(people)
    promised = _promised(people)
    for person in people:
        setattr(person, PROMISED, promised.get(person.pk, 0))


def _promised(people: Collection[User]) -> dict[int, int]:
    # What is paused may be resumed.
    lasting = Assignment.objects.lasting().filter(user__in=people).values_list("user_id")
    return dict(lasting.annotate(highest=Max("role__priority")).order_by())


def _rights_to_come(user: User) -> frozenset[str]:
    """What somebody may do now or may come to do by a role that begins later, also while they are deactivated."""
    roles = current_role_map()
    promised = Assignment.objects.lasting().filter(user=user).values_list("role_id", flat=True)
    return ranked(user).granted.union(*(roles.permissions(role_id) for role_id in promised))


def is_powerful(user: User) -> bool:
    """Whether somebody holds one of the powers, or may act as others, now or by a role that begins later."""
    roles = current_role_map()
    promised = Assignment.objects.lasting().filter(user=user).values_list("role_id", flat=True)
    return any(POWERS & roles.permissions(role_id) for role_id in promised)


def weighs(role_id: int, roles: RoleMap) -> bool:
    """Whether giving or taking a role asks for the password: it gives power over others, or demands a factor."""
    return role_id in roles.demanding or bool(POWERS & roles.permissions(role_id))


def grant_refusal(actor: User | None, user: User, role: Role) -> str | None:
    """Why `actor` may not give or take `role` to or from `user`."""
    if actor is None:
        return None
    return person_refusal(actor, user) or role_grant_refusal(actor, role)


def role_grant_refusal(actor: User | None, role: Role, *, roles: RoleMap | None = None) -> str | None:
    """Why `actor` may not give or take `role`, whoever it is about.

    Who asks about many roles brings the map of them along.
    """
    if actor is None:
        return None
    if outranked(actor, role.priority):
        return _("The role %(role)s has priority %(priority)d. %(reach)s") % {
            "role": role,
            "priority": role.priority,
            "reach": reach_in_words(actor),
        }
    return lacking_refusal(actor, (roles or current_role_map()).permissions(role.pk))


def lacking_refusal(actor: User | None, names: Collection[str]) -> str | None:
    """Why `actor` may not hand out these permissions."""
    if actor is None:
        return None
    lacking = sorted(name for name in names if not actor.has_perm(name))
    if not lacking:
        return None
    known = current_role_map().known
    shown = ", ".join(str(known[name].label if name in known else name) for name in lacking[:3])
    more = len(lacking) - 3
    if more > 0:
        shown += ngettext(" and %(count)d more", " and %(count)d more", more) % {"count": more}
    return _("You cannot give what you do not have yourself: %(permissions)s.") % {"permissions": shown}


def role_refusal(actor: User | None, priority: int) -> str | None:
    """Why `actor` may not create, change or delete a role of this priority."""
    if actor is not None and outranked(actor, priority):
        return reach_in_words(actor)
    return None


def deletion_refusal(role: Role) -> str | None:
    """Why nobody may delete `role`, as it stands now."""
    if role.is_system:
        return _("A system role cannot be deleted.")
    if child := role.children.first():
        return _("The role %(role)s inherits from it. Change that first.") % {"role": child}
    if role.assignments.lasting().exists():
        return _("People hold this role. Take it from them first.")
    return None


def descendants_refusal(actor: User | None, role: Role, roles: RoleMap) -> str | None:
    """Why `actor` may not change what `role` grants or demands: it would change with all that inherit from it."""
    if actor is not None and any(outranked(actor, roles.priorities[child]) for child in roles.descendants(role.pk)):
        words = _("A role beyond your reach inherits from %(role)s, so what it grants stays as it is. %(reach)s")
        return words % {"role": role, "reach": reach_in_words(actor)}
    return None


def is_last_admin(user: User) -> bool:
    """Whether without this person nobody would be admin for good; the row of the admin role is locked first.

    Nobody counts who is deactivated or invited and has not come yet, nor whose role is paused, ends or begins later.
    """
    role_id = Role.objects.filter(system_key=ADMIN).values_list("pk", flat=True).first()
    if role_id is None:
        return False
    # By its primary key, as everybody locks roles: by another column, MariaDB would lock that one's index first.
    list(Role.objects.select_for_update().filter(pk=role_id).values_list("pk"))
    lasting = Assignment.objects.counting().filter(role=role_id, ends_at__isnull=True).values("user_id")
    admins = User.objects.active().filter(Q(pk__in=lasting) | Q(is_superuser=True), invited_until__isnull=True)
    return set(admins.order_by("pk").values_list("pk", flat=True)[:2]) == {user.pk}


def last_admin_sentence(user: User) -> str:
    return _("%(person)s is the last admin. Make somebody else admin first.") % {"person": user}


def assignable_by(actor: User, *, roles: RoleMap | None = None) -> RoleQuerySet:
    """Roles that `actor` may hand out: within the reach of their rank and with nothing they lack."""
    roles, held = roles or current_role_map(), ranked(actor).granted
    keys = [
        role_id
        for role_id, priority in roles.priorities.items()
        if not outranked(actor, priority) and roles.permissions(role_id) <= held
    ]
    return Role.objects.by_rank().filter(pk__in=keys)


def team_refusal(actor: User, people: UserQuerySet) -> str | None:
    """Why `actor` may not move all of these people: by the highest role that one of them holds, or was promised."""
    lasting = Assignment.objects.lasting().filter(user__in=people.order_by().values("pk"))
    highest = lasting.select_related("user", "role").order_by("-role__priority", "pk").first()
    if highest is not None and outranked(actor, highest.role.priority):
        return _refusal(actor, highest.user)
    roles = current_role_map()
    above_all = people.filter(is_superuser=True).first()
    if above_all is not None and roles.admin_id and outranked(actor, roles.priorities[roles.admin_id]):
        return _refusal(actor, above_all)
    return None


def _refusal(actor: User, person: User) -> str:
    words = _("%(person)s, who would move as well, holds a role beyond your reach. %(reach)s")
    return words % {"person": person, "reach": reach_in_words(actor)}
