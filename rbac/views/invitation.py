"""Inviting people: who, and into which role."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext

from accounts import handover, mail, registration
from accounts.http import HtmxHttpRequest
from rbac import actions
from rbac.forms.invitation import InvitationForm
from rbac.role_map import current_role_map
from rbac.rules import weighs
from settings_store.store import get_setting
from ui.forms import ask_step_up_first, form_status, posted, require_page_methods, sentence_of
from ui.guard import requires, stepped_up


@requires("users.write", in_person=True)
@require_page_methods
def invite(request: HtmxHttpRequest) -> HttpResponse:
    initial = {"days": get_setting("accounts.registration.invitation_days")}
    form = InvitationForm(posted(request), actor=request.user, initial=initial)
    if form.is_valid():
        if weighs(form.cleaned_data["role"].pk, current_role_map()) and not stepped_up(request):
            ask_step_up_first(request, form)
        else:
            try:
                people = actions.invite(actor=request.user, **form.cleaned_data)
            except (PermissionDenied, ValidationError) as refusal:
                form.add_error(None, sentence_of(refusal))
            else:
                handover.keep_invited(request.session, people)
                words = ngettext("%(count)d person is invited.", "%(count)d people are invited.", len(people))
                messages.success(request, words % {"count": len(people)})
                return redirect("accounts:invitation_made")
    context = {"form": form, "off": not registration.may_invite(), "is_sent": mail.is_sent()}
    return render(request, "rbac/invite.html", context, status=form_status(form))
