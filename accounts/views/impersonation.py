"""Acting as somebody else: the question before it, and the way out."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import actions
from accounts.acting import refusal
from accounts.forms.impersonation import ImpersonateForm
from accounts.http import HtmxHttpRequest, visible_person
from accounts.obstacles import ALL_OBSTACLES
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires, signed_in


@requires("users.admin", step_up=True)
@require_page_methods
def user_impersonate(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    refused = refusal(request.user, person, request.session.row)
    form = ImpersonateForm(posted(request))
    if form.is_valid() and not refused:
        try:
            actions.start_impersonation(
                actor=request.user, user=person, request=request, reason=form.cleaned_data["reason"]
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("home")
    context = {"form": form, "person": person, "refused": refused}
    status = 422 if refused and request.method == "POST" else form_status(form)
    return render(request, "accounts/user_impersonate.html", context, status=status)


@signed_in(before=ALL_OBSTACLES)
@require_POST
def impersonation_end(request: HtmxHttpRequest) -> HttpResponse:
    """Be oneself again, at the page of the person one acted as."""
    admin, person = request.impersonator, request.user
    if admin is None:
        return redirect("home")
    actions.end_impersonation(request=request, admin=admin, person=person, why="left")
    messages.success(request, _("You are yourself again."))
    return redirect("accounts:user_detail", person.public_id)
