"""The answer to a question, found by asking what guards, one after the other, until one of them says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from accounts.teams import line_of
from rbac.models import Assignment, Role
from rbac.why.before import before
from rbac.why.facts import Facts
from rbac.why.kinds import Kind
from rbac.why.question import Found, Question
from rbac.why.verdict import Outcome, Step, Verdict
from rbac.why.ways import granting
from ui.guard import Kind as Door

TITLES = {
    "page": gettext_lazy("Page"),
    "person": gettext_lazy("Person"),
    "assignments": gettext_lazy("Assignments"),
    "permission": gettext_lazy("Permission"),
    "model": gettext_lazy("Table"),
    "scope": gettext_lazy("Scope"),
    "rank": gettext_lazy("Rank"),
    "in person": gettext_lazy("In person"),
}
YES = {
    "page": gettext_lazy("Yes. The page is open to them."),
    "person": gettext_lazy("Yes. Everyone who is signed in may."),
    "model": gettext_lazy("Yes. The permissions are held."),
    "scope": gettext_lazy("Yes. Permission and scope allow it."),
    "rank": gettext_lazy("Yes. Permission and rank allow it."),
}
NO = {
    "page": gettext_lazy("No. The page opens to nobody."),
    "person": gettext_lazy("No. The account is deactivated."),
    "assignments": gettext_lazy("No. Assignments decide it."),
    "permission": gettext_lazy("No. The permission is missing."),
    "model": gettext_lazy("No. The permission for this table is missing."),
    "scope": gettext_lazy("No. Scope decides it."),
    "rank": gettext_lazy("No. Rank decides it."),
    "in person": gettext_lazy("No. It is done in person."),
}


def answer(question: Question) -> Verdict:
    """Whether the person of `question` may, and why."""
    facts = Facts(question)
    steps: list[Step] = []
    denied = False
    for name, concerns, look in LOOKS:
        if not concerns(facts):
            continue
        if denied:
            steps.append(Step(name, str(TITLES[name]), Outcome.NOT_REACHED, _("Not looked at.")))
            continue
        step = look(facts)
        steps.append(step)
        denied = step.outcome is Outcome.DECIDES
    place = next(place for place, step in enumerate(steps) if not denied or step.outcome is Outcome.DECIDES)
    if not denied:
        place = max(place for place, step in enumerate(steps) if step.name != "in person")
        steps[place] = replace(steps[place], outcome=Outcome.DECIDES)
    decisive = steps[place]
    sentence = decisive.sentence
    if not denied and (first := before(question)) is not None:
        steps.append(first)
        if first.outcome is Outcome.FIRST:
            sentence = f"{sentence} {first.sentence}"
    headline = str((NO if denied else YES).get(decisive.name, ""))
    return Verdict(
        allowed=not denied,
        decided_by=decisive.name,
        headline=headline or facts.given_by,
        sentence=sentence,
        steps=steps,
        wanted=facts.wanted,
        missing=facts.missing,
    )


def _step(name: str, *, allowed: bool, sentence: str, **more: Any) -> Step:
    return Step(name, str(TITLES[name]), Outcome.OK if allowed else Outcome.DECIDES, sentence, **more)


def _page(facts: Facts) -> Step:
    if facts.access is None:
        return _step("page", allowed=False, sentence=_("Its route declares nothing, and is refused to everybody."))
    words = {
        Door.PUBLIC: _("The page is open to everybody, signed in or not."),
        Door.SIGNED_IN: _("The page is open to everyone who is signed in."),
        Door.PERMISSION: _("The page asks for %(permissions)s.")
        % {"permissions": _(" and ").join(str(each) for each in facts.wanted)},
    }
    notes = []
    if facts.question.object is None and facts.page is not None and facts.page.match.kwargs:
        notes.append(_("Nothing is said about what stands at this address: the answer is about its route."))
    return _step("page", allowed=True, sentence=words[facts.access.kind], notes=notes)


def _person(facts: Facts) -> Step:
    if not facts.person.is_active:
        return _step("person", allowed=False, sentence=_("%(person)s is deactivated.") % {"person": facts.person})
    words = _("%(person)s is active.")
    if facts.person.is_superuser:
        words = _("%(person)s is active, and a break-glass superuser: an admin without an assignment.")
    return _step("person", allowed=True, sentence=words % {"person": facts.person})


def _assignments(facts: Facts) -> Step:
    counting = sum(held.counts for held in facts.held)
    missing = {each.name for each in facts.missing}
    # What would count if it were not paused, over or still to come, and is all that is missing.
    idle = [
        held
        for held in facts.held
        if missing and not held.counts and held.grants and held.state != Assignment.State.ENDED
    ]
    if idle:
        words = _("%(role)s would give it, and does not count: %(state)s.")
        words %= {"role": idle[0].row.role, "state": idle[0].state.label}
        return _step("assignments", allowed=False, sentence=words, held=facts.held)
    if missing and not counting and not facts.person.is_superuser:
        words = _("%(person)s holds no role that counts now.") % {"person": facts.person}
        return _step("assignments", allowed=False, sentence=words, held=facts.held, givers=_givers(facts))
    words = ngettext("%(count)d role counts now.", "%(count)d roles count now.", counting) % {"count": counting}
    return _step("assignments", allowed=True, sentence=words, held=facts.held)


def _permission(facts: Facts) -> Step:
    if facts.missing:
        words = _("None of the roles of %(person)s gives %(permission)s.")
        words %= {"person": facts.person, "permission": facts.missing[0]}
        return _step("permission", allowed=False, sentence=words, routes=facts.routes, givers=_givers(facts))
    names = _(" and ").join(str(each) for each in facts.wanted)
    words = _("%(person)s holds %(permissions)s.") % {"person": facts.person, "permissions": names}
    return _step("permission", allowed=True, sentence=words, routes=facts.routes)


def _givers(facts: Facts) -> list[Role]:
    missing = [each.name for each in facts.missing]
    return [facts.named[role_id] for role_id in granting(facts.roles, *missing) if role_id in facts.named]


def _model(facts: Facts) -> Step:
    """The Django admin asks each model's own permission beside that of its prefix."""
    admin: Any = facts.table
    asking = HttpRequest()
    asking.user = facts.person
    ways_in: dict[str, Callable[[HttpRequest], bool]] = {
        "add": admin.has_add_permission,
        "delete": admin.has_delete_permission,
    }
    act = str(facts.page.match.url_name if facts.page else "").rpartition("_")[2]
    allowed = bool(ways_in.get(act, admin.has_view_or_change_permission)(asking))
    words = _("The admin allows it for “%(table)s”.") if allowed else _("The admin refuses it for “%(table)s”.")
    return _step("model", allowed=allowed, sentence=words % {"table": admin.opts.verbose_name_plural})


def _scope(facts: Facts) -> Step:
    thing, owner = cast(tuple[Found, User], facts.owned)
    kind, row, person = thing.kind, thing.row, facts.person
    rows = kind.rows(person, facts.reach)
    allowed = rows is None or rows.filter(pk=row.pk).exists()
    if owner.pk == person.pk:
        own = _("It is %(person)s's own.") % {"person": person}
        words = own if allowed else kind.beyond(person, row, facts.reach) or _beyond_team(kind, facts)
        return _step("scope", allowed=allowed, sentence=words)
    above = line_of(owner)
    drawn = [owner.pk, *(above[: above.index(person.pk) + 1] if person.pk in above else above)]
    line = _in_sight(facts.question.asker, drawn, person)
    if not allowed:
        words = kind.beyond(person, row, facts.reach) or _beyond_team(kind, facts)
        if not words:
            words = _("%(owner)s is not among the people below %(person)s.") % {"owner": owner, "person": person}
        return _step("scope", allowed=False, sentence=words, line=line)
    if person.has_perm(kind.everybody):
        words = _("%(permission)s reaches everybody.") % {"permission": facts.roles.known[kind.everybody]}
        return _step("scope", allowed=True, sentence=words)
    words = _("%(owner)s stands below %(person)s.") % {"owner": owner, "person": person}
    return _step("scope", allowed=True, sentence=words, line=line)


def _beyond_team(kind: Kind, facts: Facts) -> str:
    if not kind.team or facts.person.has_perm(kind.team):
        return ""
    words = _("Beyond what is one's own it takes %(permission)s, which %(person)s lacks.")
    return words % {"permission": facts.roles.known[kind.team], "person": facts.person}


def _in_sight(asker: User, keys: list[int], person: User) -> list[User | None]:
    seen = User.objects.visible_to(asker).in_bulk(keys)
    return [person if key == person.pk else seen.get(key) for key in keys]


def _rank(facts: Facts) -> Step:
    meant, *others = facts.upon
    notes = [
        f"{each.label}: {facts.quoted(each.refusal)}" if each.refusal else _("%(act)s: yes") % {"act": each.label}
        for each in others
    ]
    if meant.refusal:
        return _step("rank", allowed=False, sentence=f"{meant.label}: {facts.quoted(meant.refusal)}", notes=notes)
    words = _("%(act)s: no rule refuses it.") % {"act": meant.label}
    return _step("rank", allowed=True, sentence=words, notes=notes)


def _in_person(facts: Facts) -> Step:
    words = _("You act as %(person)s, and this is done by its person alone.") % {"person": facts.person}
    return _step("in person", allowed=False, sentence=words)


def _asks_nobody(facts: Facts) -> bool:
    """Whether the page is decided by its route alone."""
    return facts.page is not None and (facts.access is None or facts.access.kind is Door.PUBLIC)


def _is_kept_from(facts: Facts) -> bool:
    return facts.question.acted and facts.access is not None and facts.access.in_person


# In the order in which they are asked: the step, whether a question has it, and how it is looked at.
LOOKS: list[tuple[str, Callable[[Facts], bool], Callable[[Facts], Step]]] = [
    ("page", lambda facts: facts.page is not None, _page),
    ("person", lambda facts: not _asks_nobody(facts), _person),
    ("assignments", lambda facts: bool(facts.wanted), _assignments),
    ("permission", lambda facts: bool(facts.wanted), _permission),
    ("model", lambda facts: facts.table is not None, _model),
    ("scope", lambda facts: facts.owned is not None, _scope),
    ("rank", lambda facts: bool(facts.upon), _rank),
    ("in person", _is_kept_from, _in_person),
]
