"""The second factors of somebody else: what they have, and taking it all away where it is lost."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import actions, rules
from accounts.factors.policy import factors_of
from accounts.forms.factor import ResetFactorsForm
from accounts.http import HtmxHttpRequest, visible_person
from accounts.models import Device
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires


@requires("users.read")
@require_safe
def user_factors(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    factors = factors_of(person)
    context = {
        "person": person,
        "factors": factors,
        "asked": person.must_have_factor,
        "devices": Device.objects.filter(user=person).trusted().order_by("-last_seen_at", "pk"),
        "may_reset": factors.any
        and person != request.user
        and request.user.has_perm("users.admin")
        and rules.refusal(request.user, person, "reset_factors") is None,
    }
    return render(request, "accounts/user_factors.html", context)


@requires("users.admin", also="users.read", step_up=True)
@require_page_methods
def user_factors_reset(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    form = ResetFactorsForm(posted(request))
    if form.is_valid():
        try:
            actions.reset_factors(actor=request.user, user=person, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("%(person)s has no second factor any more.") % {"person": person})
            return redirect("accounts:user_factors", person.public_id)
    context = {"form": form, "person": person}
    return render(request, "accounts/user_factors_reset.html", context, status=form_status(form))
