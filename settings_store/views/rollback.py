"""Pages of rolling back settings or flags: what is to go back, the preview of it, and doing it."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from settings_store import actions
from settings_store.actions import StaleSetting
from settings_store.definitions import UnknownSetting
from settings_store.fingerprints import may_compare
from settings_store.forms.rollback import FORMS, MomentForm, PersonForm, PlanForm, TakeForm
from settings_store.proposals import rights
from settings_store.realms import Realm, name_of_key
from settings_store.reversal import Plan
from ui.forms import form_status, require_page_methods
from ui.guard import ask_step_up, requires, stepped_up


@requires("<realm>.read")
@require_safe
def rollback_new(request: HttpRequest, realm: Realm) -> HttpResponse:
    """What is to go back: a whole environment, or what one person changed."""
    now = timezone.localtime(timezone.now())
    moment = MomentForm(realm=realm, initial={"environment": settings.ENVIRONMENT, "moment": now - timedelta(hours=1)})
    person = PersonForm(realm=realm, initial={"since": now - timedelta(days=1), "until": now})
    return _chooser(request, moment, person)


@requires("<realm>.read")
@require_safe
def rollback_preview(request: HttpRequest, realm: Realm) -> HttpResponse:
    asked = _asked(request, realm)
    if not asked.is_valid():
        return _wrong(request, asked)
    return _preview(request, asked, _plan(request, asked), TakeForm())


@requires("<realm>.write")
@require_page_methods
def rollback_apply(request: HttpRequest, realm: Realm) -> HttpResponse:
    """All that was ticked or nothing; what the preview said must still be so."""
    asked = _asked(request, realm)
    if request.method != "POST":
        return redirect(f"{reverse('settings_store:rollback_preview', args=[realm])}?{request.GET.urlencode()}")
    if not asked.is_valid():
        return _wrong(request, asked)
    plan, form = _plan(request, asked), TakeForm(request.POST)
    if not form.is_valid():
        return _preview(request, asked, plan, form, status=form_status(form))
    lines = [line for line in plan.possible if line.place in form.taken]
    moved = _moved(plan, set(form.taken) - {line.place for line in lines})
    if moved:
        return _preview(request, asked, plan, form, moved=moved, status=409)
    if any(line.is_secret for line in lines) and not stepped_up(request):
        return ask_step_up(request)
    try:
        done = actions.roll_back(
            actor=request.user, changes=[line.change for line in lines], reason=form.cleaned_data["reason"]
        )
    except (StaleSetting, UnknownSetting):
        # Somebody got in between the look at the plan and the lock.
        plan = _plan(request, asked)
        gone = set(form.taken) - {line.place for line in plan.possible}
        return _preview(request, asked, plan, form, moved=_moved(plan, gone), status=409)
    except ValidationError as error:
        form.add_error("reason" if getattr(error, "code", None) == actions.ABOUT_REASON else None, error)
        return _preview(request, asked, plan, form, status=form_status(form))
    return render(request, "settings_store/rollback_done.html", {"done": done, "realm": realm})


def _asked(request: HttpRequest, realm: Realm) -> PlanForm:
    form = FORMS.get(request.GET.get("kind", ""))
    if form is None:
        raise Http404
    return form(request.GET, realm=realm)


def _plan(request: HttpRequest, asked: PlanForm) -> Plan:
    may_clear = request.user.has_perm(asked.realm.right("delete"))
    return asked.plan(may_clear=may_clear, prints=may_compare(request.user))


def _moved(plan: Plan, places: set[str]) -> list[str]:
    """One sentence for each place that is not what the preview said any more."""
    now = {(line.key, line.environment): line for line in plan.lines}
    sentences = []
    for place in sorted(places):
        key, _at, rest = place.partition("@")
        environment = rest.partition(":")[0]
        line = now.get((key, environment))
        if line is None:
            text = _("%(key)s (%(environment)s): there is nothing to roll back any more.")
        elif line.obstacle:
            text = _("%(key)s (%(environment)s): it cannot be rolled back.")
        else:
            text = _("%(key)s (%(environment)s): %(name)s saved version %(version)d meanwhile.")
        sentences.append(
            text
            % {
                "key": name_of_key(key)[:120],
                "environment": environment[:20],
                "name": line.name if line else "",
                "version": line.version if line else 0,
            }
        )
    return sentences


def _preview(
    request: HttpRequest,
    asked: PlanForm,
    plan: Plan,
    form: TakeForm,
    *,
    moved: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    ticked = {line.place for line in plan.possible if (line.place in form.taken if form.is_bound else line.is_taken)}
    query = request.GET.urlencode()
    preview = f"{reverse('settings_store:rollback_preview', args=[asked.realm])}?{query}"
    has_secrets = any(line.is_secret for line in plan.possible)
    context = {
        "asked": asked,
        "realm": asked.realm,
        "rights": rights(request.user, asked.realm),
        "person": dict(getattr(asked.fields.get("person"), "choices", ())).get(asked.cleaned_data.get("person")),
        "plan": plan,
        "form": form,
        "ticked": ticked,
        "moved": moved or [],
        "protected": any(line.is_protected for line in plan.possible),
        "conflicting": any(line.conflicts for line in plan.possible),
        "apply_url": f"{reverse('settings_store:rollback_apply', args=[asked.realm])}?{query}",
        "must_step_up": has_secrets and not stepped_up(request),
        "step_up_url": f"{reverse('step_up')}?{urlencode({'next': preview})}",
    }
    return render(request, "settings_store/rollback_preview.html", context, status=status)


def _wrong(request: HttpRequest, asked: PlanForm) -> HttpResponse:
    if isinstance(asked, MomentForm):
        return _chooser(request, asked, PersonForm(realm=asked.realm), status=form_status(asked))
    if isinstance(asked, PersonForm):
        return _chooser(request, MomentForm(realm=asked.realm), asked, status=form_status(asked))
    # Only a link leads to one version, and no link of ours was like this.
    raise Http404


def _chooser(request: HttpRequest, moment: MomentForm, person: PersonForm, *, status: int = 200) -> HttpResponse:
    context = {"moment_form": moment, "person_form": person, "realm": moment.realm}
    return render(request, "settings_store/rollback.html", context, status=status)
