"""Who holds a role: the tab on its page, giving it to several people at once, and acts upon those ticked."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts import bulk
from accounts.actions.bulk import ask_act
from accounts.http import HtmxHttpRequest
from accounts.models import User
from rbac import actions
from rbac.acts import OF_ONE_ROLE
from rbac.forms.assignment import PeopleForm, people_called
from rbac.models import Assignment, AssignmentQuerySet, Role
from rbac.role_map import current_role_map
from rbac.rules import person_refusal, read_ahead, role_grant_refusal, weighs
from rbac.views.assignment import EARLIER, earlier_of
from rbac.views.role import frame_of, role_of
from settings_store.people import directory
from ui.forms import ask_step_up_first, form_status, posted, require_page_methods, sentence_of
from ui.guard import ask_step_up, requires, stepped_up
from ui.keyset import paginate
from ui.registry import UserAct

MOST_WORDS = 200
# So many of those who held a role already are named.
NAMED = 8
STATES = {
    "active": gettext_lazy("active"),
    "later": gettext_lazy("starting later"),
    "paused": gettext_lazy("paused"),
    "earlier": gettext_lazy("earlier"),
}


@requires("roles.read")
@require_safe
def role_people(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """Those who hold the role or once held it, as far as the reader may see people at all."""
    role = role_of(role_id)
    asked = _asked(request.GET)
    found = _found(request.user, role, asked)
    if asked.get("state") == "earlier":
        page = paginate(earlier_of(found), request, order=EARLIER, default="ended")
    else:
        rows = found.select_related("user", "role", "assigned_by", "provider")
        page = paginate(rows, request, order={"name": ("user__name_key",)}, default="name")
    may_give = request.user.has_perm("users.write") and role_grant_refusal(request.user, role) is None
    if may_give:
        read_ahead([row.user for row in page.rows])
    acts = _acts(request.user) if may_give and asked.get("state") != "earlier" else []
    # Nobody counts what fits on one page.
    counted = len(page.rows)
    if acts and (page.newer_url or page.older_url):
        counted = found.order_by()[: bulk.MOST + 1].count()
    now = timezone.now()
    context = {
        "role": role,
        "page": page,
        "rows": [
            (row, row.state(now), may_give and person_refusal(request.user, row.user) is None) for row in page.rows
        ],
        "asked": asked,
        "states": STATES.items(),
        "may_give": may_give,
        "acts": acts,
        "counted": counted,
        "most": bulk.MOST,
    }
    if request.htmx.target != "people" or request.htmx.history_restore_request:
        return render(request, "rbac/role_people.html", context | frame_of(request, role))
    answer = render(request, "rbac/role_people.html#people", context)
    answer["HX-Push-Url"] = _address(role, asked)
    return answer


@requires("users.write", also="roles.read", in_person=True)
@require_page_methods
def role_people_add(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """Give the role to several people; all get it, or each who cannot is named and nobody does."""
    role = role_of(role_id)
    if refusal_in_words := role_grant_refusal(request.user, role):
        raise PermissionDenied(refusal_in_words)
    if request.htmx.target == "found":
        return render(request, "rbac/role_people_add.html#found", _offered(request, role, request.GET))
    is_confirmed = stepped_up(request) or not weighs(role.pk, current_role_map())
    if request.method != "POST" and not is_confirmed:
        return ask_step_up(request)
    if "look" in request.POST:
        # Without scripts: the same page with people to tick, and nothing judged yet.
        form = PeopleForm(actor=request.user, initial=request.POST.dict())
    else:
        form = PeopleForm(posted(request), actor=request.user)
        if form.is_valid() and not is_confirmed:
            ask_step_up_first(request, form)
        elif form.is_valid():
            details = {name: form.cleaned_data[name] for name in ("people", "reason", "starts_at", "ends_at")}
            try:
                given = actions.assign_people(actor=request.user, role=role, **details)
            except PermissionDenied as refusal:
                form.add_error(None, sentence_of(refusal))
            except ValidationError as refusal:
                form.add_error(None if hasattr(refusal, "error_dict") else "people", refusal)
            else:
                words = ngettext(
                    "%(count)d person now holds %(role)s.", "%(count)d people now hold %(role)s.", len(given)
                )
                _tell_who_held_it(request, words % {"count": len(given), "role": role}, details["people"], given)
                return redirect("rbac:role_people", role.public_id)
    context = {"role": role, "form": form, **_offered(request, role, request.POST)}
    return render(request, "rbac/role_people_add.html", context, status=form_status(form))


@requires("users.write", also="roles.read", in_person=True)
@require_POST
def role_people_act(request: HtmxHttpRequest, role_id: UUID) -> HttpResponse:
    """Fix whose assignment of this role is meant; what is done is confirmed on the page of all acts upon many."""
    role = role_of(role_id)
    asked = _asked(request.POST)
    back = _address(role, asked)
    act = next((act for act in _acts(request.user) if act.name == request.POST.get("act")), None)
    if act is None:
        messages.error(request, _("Choose what is to be done with them."))
        return redirect(back)
    held, left_out = _found(request.user, role, asked), 0
    if "all" not in request.POST:
        ids = bulk.ticked(request.POST)
        held, left_out = _found(request.user, role, {}).filter(user__public_id__in=ids), len(ids)
    chosen = list(held.order_by("user__name_key", "pk").values_list("user_id", flat=True)[: bulk.MOST])
    if not chosen:
        messages.error(request, _("Choose at least one person."))
        return redirect(back)
    row = ask_act(
        actor=request.user,
        act=act,
        people=chosen,
        left_out=max(0, left_out - len(chosen)),
        back=back,
        preset={"role": str(role.pk)},
    )
    return redirect("accounts:user_act", row.public_id)


def _tell_who_held_it(
    request: HtmxHttpRequest, words: str, people: Sequence[User], given: Sequence[Assignment]
) -> None:
    """Say how many hold the role now, and who of those meant kept it as it was."""
    fresh = {row.user_id for row in given}
    held = [str(person) for person in people if person.pk not in fresh]
    if not held:
        messages.success(request, words)
        return
    shown = ", ".join(held[:NAMED])
    if (more := len(held) - NAMED) > 0:
        shown += ngettext(" and %(count)d more", " and %(count)d more", more) % {"count": more}
    kept = _("Unchanged, for they held it already: %(people)s.") % {"people": shown}
    messages.success(request, f"{words} {kept}" if given else kept)


def _asked(sent: QueryDict) -> dict[str, str]:
    """The words and the state that a list is narrowed down by; nonsense does not."""
    asked = {"q": sent.get("q", "").strip()[:MOST_WORDS], "state": sent.get("state", "")}
    return {name: value for name, value in asked.items() if value and (name == "q" or value in STATES)}


def _found(viewer: User, role: Role, asked: dict[str, str]) -> AssignmentQuerySet:
    people = User.objects.visible_to(viewer)
    if words := asked.get("q"):
        people = people.matching(words)
    held = Assignment.objects.filter(role=role, user__in=people)
    match asked.get("state"):
        case "earlier":
            return held.over()
        case "paused":
            return held.lasting().filter(is_active=False)
        case "later":
            return held.unended().filter(starts_at__gt=timezone.now())
        case "active":
            return held.counting()
    return held.lasting()


def _acts(viewer: User) -> list[UserAct]:
    return [act for act in bulk.offered(viewer) if act.name in OF_ONE_ROLE]


def _address(role: Role, asked: dict[str, str]) -> str:
    query = QueryDict(mutable=True)
    query.update(asked)
    return reverse("rbac:role_people", args=[role.public_id]) + (f"?{query.urlencode()}" if asked else "")


def _offered(request: HtmxHttpRequest, role: Role, sent: QueryDict) -> dict[str, object]:
    """People to tick: those ticked already, then those in whom the words typed occur."""
    names = PeopleForm(sent, actor=request.user).ticked
    ticked = list({person.pk: person for person in people_called(request.user, names).values()}.values())
    words = sent.get("words", "").strip()[:MOST_WORDS]
    known = directory().search(request.user, words) if words else []
    fresh = [each for each in known if each.pk not in {person.pk for person in ticked}]
    holders = Assignment.objects.lasting().filter(role=role, user__in=[each.pk for each in fresh])
    return {
        "role": role,
        "ticked": ticked,
        "words": words,
        "offers": fresh,
        "holders": set(holders.values_list("user_id", flat=True)),
    }
