"""Moving somebody with everybody below, after a look at who will see them and who will not."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import actions, bulk, rules, teams
from accounts.actions import MovedMeanwhile
from accounts.forms.team import MoveForm, mark_of
from accounts.http import HtmxHttpRequest, refuse_about_oneself, visible_person
from accounts.models import User
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires

# The act upon many that hands a team over, one person after the other.
SET_SUPERVISOR = "set-supervisor"
# Names of supervisors that are offered while one types.
MOST_OFFERED = 200


@dataclass(frozen=True, slots=True)
class Effect:
    """What a move would do: who comes to see them, who no longer does, and whose roles let them see nobody."""

    supervisor: User | None
    gaining: list[User]
    losing: list[User]
    is_blind: bool


@requires("users.write", also="users.read")
@require_page_methods
def user_move(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id, User.objects.select_related("supervisor"))
    refuse_about_oneself(request, person)
    if request.method == "POST":
        return _move(request, person)
    asked = None
    if "supervisor" in request.GET:
        asked = request.GET.copy()
        asked["was"] = _place(person)
    form = _form(request, person, asked)
    effect = _effect(person, form.cleaned_data["supervisor"]) if asked is not None and form.is_valid() else None
    return _page(request, person, form, effect=effect)


def _move(request: HtmxHttpRequest, person: User) -> HttpResponse:
    form = _form(request, person, posted(request))
    if not form.is_valid():
        return _page(request, person, form, status=form_status(form))
    supervisor = form.cleaned_data["supervisor"]
    if supervisor == person.supervisor:
        messages.info(request, _("Nothing changed: this is where they stand."))
        return redirect("accounts:user_detail", person.public_id)
    if form.cleaned_data["shown"] != mark_of(supervisor):
        # Nobody moves a team before they were told what follows.
        return _page(request, person, form, effect=_effect(person, supervisor))
    try:
        actions.move_user(actor=request.user, user=person, supervisor=supervisor, expected=form.cleaned_data["was"])
    except MovedMeanwhile as moved:
        # Sent once more, the form now says that the newer place was seen.
        sent = request.POST.copy()
        sent["was"] = _place(moved.user)
        form = _form(request, moved.user, sent)
        effect = _effect(moved.user, form.cleaned_data["supervisor"]) if form.is_valid() else None
        return _page(request, moved.user, form, effect=effect, wanted=supervisor, is_stale=True, status=409)
    except ValidationError as error:
        form.add_error(None, error)
        return _page(request, person, form, status=form_status(form))
    words = (
        _("%(person)s now answers to %(supervisor)s.") % {"person": person, "supervisor": supervisor}
        if supervisor
        else _("%(person)s now answers to nobody.") % {"person": person}
    )
    messages.success(request, words)
    return redirect("accounts:user_detail", person.public_id)


@requires("users.write", also="users.read", in_person=True)
@require_page_methods
def user_hand_over(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    """Everybody who answers to this person goes to somebody else in one act, which asks to whom."""
    person = visible_person(request, user_id)
    if request.method != "POST":
        return redirect("accounts:user_detail", person.public_id)
    act = bulk.found(request.user, SET_SUPERVISOR)
    people = User.objects.filter(supervisor=person).order_by("name_key", "pk").values_list("pk", flat=True)
    chosen = list(people[: bulk.MOST])
    if act is None or not chosen:
        messages.info(request, _("Nobody answers to %(person)s.") % {"person": person})
        return redirect("accounts:user_detail", person.public_id)
    back = reverse("accounts:user_detail", args=[person.public_id])
    preset = {"of": str(person.public_id)}
    row = actions.ask_act(actor=request.user, act=act, people=chosen, back=back, preset=preset)
    return redirect("accounts:user_act", row.public_id)


def _form(request: HtmxHttpRequest, person: User, data: QueryDict | None) -> MoveForm:
    initial = {"supervisor": person.supervisor.username if person.supervisor else "", "was": _place(person)}
    return MoveForm(data, initial=initial, viewer=request.user, person=person)


def _place(person: User) -> str:
    """Where somebody stands, as the form that moves them remembers it."""
    return str(person.supervisor.public_id) if person.supervisor else ""


def _effect(person: User, supervisor: User | None) -> Effect | None:
    """Who sees them by looking after them, before and after; those who see everyone do so either way."""
    if supervisor == person.supervisor:
        return None
    before = teams.line_of(person)
    after = [supervisor.pk, *teams.line_of(supervisor)] if supervisor else []
    keys = [*(key for key in after if key not in before), *(key for key in before if key not in after)]
    known = User.objects.in_bulk(keys)
    people = [known[key] for key in keys if key in known]
    rules.read_ahead(people)
    seeing = [each for each in people if each.has_perm("users.read") and not each.has_perm("users.all")]
    return Effect(
        supervisor,
        gaining=[each for each in seeing if each.pk in after],
        losing=[each for each in seeing if each.pk in before],
        is_blind=supervisor is not None and not supervisor.has_perm("users.read"),
    )


def _page(
    request: HtmxHttpRequest,
    person: User,
    form: MoveForm,
    *,
    effect: Effect | None = None,
    wanted: User | None = None,
    is_stale: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "person": person,
        "form": form,
        "effect": effect,
        "mark": mark_of(effect.supervisor) if effect else "",
        "size": teams.sizes([person])[person.pk],
        "wanted": wanted,
        "is_stale": is_stale,
    }
    if request.htmx.target == "effect":
        # The field stays as it is, so what is wrong with it is said here.
        return render(request, "accounts/user_move.html#effect", {**context, "troubles": form.errors.get("supervisor")})
    context["line"] = teams.line_above(person, request.user)
    heads = User.objects.visible_to(request.user).active().with_team().exclude(pk=person.pk)
    context["offered"] = heads.order_by("name_key", "pk")[:MOST_OFFERED]
    return render(request, "accounts/user_move.html", context, status=status)
