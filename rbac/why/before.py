"""What must be done before anything else is reachable: locks, invitations, factors, passwords."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.factors.policy import factors_of
from accounts.models import Lockout, User
from accounts.obstacles import FACTOR, PASSWORD_CHANGE
from accounts.password_policy import may_change_here
from rbac.backend import RoleBackend
from rbac.why.question import Question
from rbac.why.verdict import Outcome, Step
from ui.guard import Access, Kind
from ui.moments import exact


def before(question: Question) -> Step | None:
    """What stands before the act for this person at this moment; None for a page that is open to everybody."""
    access = question.page.access if question.page else None
    if access is not None and access.kind is Kind.PUBLIC:
        return None
    person = question.person
    first = [*_at_the_door(person), *_obstacles(person, access.before if access else frozenset())]
    notes = [*_settled(person, access.before if access else frozenset()), *_asked(access)]
    title = _("Before that")
    if first:
        return Step("before", title, Outcome.FIRST, " ".join(first), notes=notes)
    return Step("before", title, Outcome.OK, _("Nothing stands in the way."), notes=notes)


def _at_the_door(person: User) -> list[str]:
    words = []
    if person.invited_until is not None:
        words.append(_("%(person)s has not accepted the invitation yet.") % {"person": person})
    lockout = Lockout.objects.holding().filter(user=person).first()
    if lockout is not None:
        words.append(
            _("%(person)s is locked out: no password signs them in before %(moment)s.")
            % {"person": person, "moment": exact(lockout.until)}
        )
    return words


def _obstacles(person: User, cleared: frozenset[str]) -> list[str]:
    words = []
    if FACTOR not in cleared and person.must_have_factor and not factors_of(person).any:
        words.append(
            _("%(roles)s asks for a second factor, and %(person)s must set one up first.")
            % {"roles": _roles_asking(person), "person": person}
        )
    if PASSWORD_CHANGE not in cleared and person.must_change_password and may_change_here(person):
        words.append(_("%(person)s must change the password first.") % {"person": person})
    return words


def _settled(person: User, cleared: frozenset[str]) -> list[str]:
    if FACTOR in cleared or not person.must_have_factor or not factors_of(person).any:
        return []
    words = _("%(roles)s asks for a second factor; %(person)s has one, and gives it when signing in.")
    return [words % {"roles": _roles_asking(person), "person": person}]


def _asked(access: Access | None) -> list[str]:
    if access is None:
        return []
    words = []
    if access.step_up:
        words.append(_("The page asks for the password again where it was not given in the last ten minutes."))
    if access.in_person:
        words.append(_("It is done in person: nobody may while acting as somebody else."))
    return words


def _roles_asking(person: User) -> str:
    return ", ".join(RoleBackend().roles_asking_factor(person))
