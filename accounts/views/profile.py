"""One's own page: details, preferences, and where one is signed in."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts import actions
from accounts.forms.profile import ProfileForm
from accounts.http import HtmxHttpRequest
from accounts.models import Session
from accounts.ways import lines_of
from ui.forms import form_status, posted, require_page_methods
from ui.guard import signed_in


@signed_in
@require_page_methods
def profile(request: HtmxHttpRequest) -> HttpResponse:
    person = request.user
    initial = {name: getattr(person, name) for name in ("full_name", "bio", "language", "time_zone")}
    form = ProfileForm(posted(request), initial={**initial, "theme": person.preferences.get("theme", "system")})
    if form.is_valid():
        changes = dict(form.cleaned_data)
        preferences = {**person.preferences, "theme": changes.pop("theme")}
        actions.update_profile(actor=person, preferences=preferences, **changes)
        messages.success(request, _("Saved"))
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form, "person": person}, status=form_status(form))


@signed_in
@require_safe
def profile_sessions(request: HtmxHttpRequest) -> HttpResponse:
    sessions = list(
        Session.objects.live().filter(user=request.user).select_related("acting_as").order_by("-last_activity")
    )
    context = {"sessions": sessions, "lines": lines_of(sessions), "this": request.session.row}
    return render(request, "accounts/profile_sessions.html", context)


@signed_in(in_person=True)
@require_POST
def session_revoke(request: HtmxHttpRequest, session_id: UUID) -> HttpResponse:
    session = get_object_or_404(Session, user=request.user, public_id=session_id)
    if session == request.session.row:
        actions.sign_out(request=request, user=request.user)
        return redirect("login")
    actions.revoke_session(actor=request.user, session=session)
    messages.success(request, _("%(device)s is signed out.") % {"device": session.device})
    return redirect("accounts:profile_sessions")


@signed_in(in_person=True)
@require_POST
def session_revoke_all(request: HtmxHttpRequest) -> HttpResponse:
    actions.revoke_all_sessions(request=request, user=request.user)
    messages.success(request, _("You are signed out everywhere."))
    return redirect("login")


@signed_in(in_person=True)
@require_POST
def session_revoke_others(request: HtmxHttpRequest) -> HttpResponse:
    ended = actions.revoke_other_sessions(actor=request.user, user=request.user, keep=request.session.row)
    messages.success(
        request,
        ngettext("%(count)d session is signed out.", "%(count)d sessions are signed out.", ended) % {"count": ended},
    )
    return redirect("accounts:profile_sessions")
