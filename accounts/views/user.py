"""Other people: who they are, whether they may come in, and where they are signed in."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import actions, credentials, handover, rules, teams
from accounts.forms.user import DeactivateForm, GivePasswordForm, UserCreateForm, UserForm
from accounts.history import told_to_others
from accounts.http import HtmxHttpRequest, refuse_about_oneself, visible_person
from accounts.models import Session, User
from accounts.ways import lines_of
from settings_store.crypto import CannotOpen
from settings_store.trail.pages import history
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires, stepped_up

# Of those who answer to somebody, as many as their page shows; the tree shows all.
REPORTS = 10


@requires("users.write")
@sensitive_post_parameters("password")
@require_page_methods
def user_create(request: HtmxHttpRequest) -> HttpResponse:
    form = UserCreateForm(posted(request), viewer=request.user)
    if form.is_valid():
        given = form.cleaned_data.pop("password")
        password = given or credentials.one_time_password()
        try:
            person = actions.create_user(actor=request.user, password=password, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("%(person)s can sign in now.") % {"person": person})
            for remark in person.remarks:
                messages.warning(request, remark)
            if given:
                return redirect("accounts:user_detail", person.public_id)
            handover.keep(request.session, person, password)
            return redirect("accounts:user_password_made", person.public_id)
    return render(request, "accounts/user_create.html", {"form": form}, status=form_status(form))


@requires("users.read")
@require_safe
def user_detail(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id, User.objects.select_related("supervisor", "created_by"))
    reports = list(User.objects.filter(supervisor=person).order_by("name_key", "pk")[:REPORTS])
    sizes = teams.sizes([person, *reports])
    context = {
        "person": person,
        "line": teams.line_above(person, request.user),
        "team": sizes[person.pk],
        "reports": [(each, sizes[each.pk]) for each in reports],
        "more": sizes[person.pk].direct - len(reports),
    }
    return render(request, "accounts/user_detail.html", context)


@requires("users.write")
@require_page_methods
def user_edit(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id, User.objects.select_related("supervisor"))
    refuse_about_oneself(request, person)
    initial = {name: getattr(person, name) for name in ("username", "email", "full_name")}
    initial["supervisor"] = person.supervisor.username if person.supervisor else ""
    confirmed = stepped_up(request)
    form = UserForm(posted(request), initial=initial, viewer=request.user, person=person, confirmed=confirmed)
    if form.is_valid():
        try:
            actions.update_user(actor=request.user, user=person, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved"))
            return redirect("accounts:user_detail", person.public_id)
    context = {"form": form, "person": person}
    return render(request, "accounts/user_edit.html", context, status=form_status(form))


@requires("users.delete")
@require_page_methods
def user_deactivate(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    form = DeactivateForm(posted(request))
    if form.is_valid():
        try:
            actions.deactivate_user(actor=request.user, user=person, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("%(person)s is deactivated and signed out.") % {"person": person})
            return redirect("accounts:user_detail", person.public_id)
    context = {"form": form, "person": person}
    return render(request, "accounts/user_deactivate.html", context, status=form_status(form))


@requires("users.delete")
@require_POST
def user_activate(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    try:
        actions.activate_user(actor=request.user, user=person)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, _("%(person)s can sign in again.") % {"person": person})
    return redirect("accounts:user_detail", person.public_id)


@requires("users.write", step_up=True)
@require_page_methods
def user_password(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    """Make a one-time password for somebody who lost theirs."""
    person = visible_person(request, user_id)
    form = GivePasswordForm(posted(request))
    if form.is_valid():
        password = credentials.one_time_password()
        try:
            actions.give_password(actor=request.user, user=person, password=password)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            handover.keep(request.session, person, password)
            return redirect("accounts:user_password_made", person.public_id)
    context = {"form": form, "person": person}
    return render(request, "accounts/user_password.html", context, status=form_status(form))


@requires("users.write")
@require_GET
def user_password_made(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    """The one-time password made a moment ago; loaded again, the page has it no more."""
    # Whoever may make people need not see them all, and what they made is theirs to hand over.
    person = get_object_or_404(User, public_id=user_id)
    password, lost = None, False
    try:
        password = handover.take(request.session, person)
    except CannotOpen:
        lost = True
    if password is None and not lost:
        person = visible_person(request, user_id)
    context = {"person": person, "password": password, "lost": lost}
    return render(request, "accounts/user_password_made.html", context)


@requires("users.read")
@require_safe
def user_sessions(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    sessions = list(Session.objects.live().filter(user=person).select_related("acting_as").order_by("-last_activity"))
    context = {
        "person": person,
        "sessions": sessions,
        "lines": lines_of(sessions),
        "this": request.session.row,
        "may_end": request.user.has_perm("users.write")
        and (
            request.impersonator is None
            if person == request.user
            else rules.refusal(request.user, person, "revoke_session") is None
        ),
    }
    return render(request, "accounts/user_sessions.html", context)


@requires("audit.read", also="users.read")
@require_safe
def user_history(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    """What the trail says about one person, for those who may see them."""
    person = visible_person(request, user_id)
    found = history(request, "accounts.user", str(person.public_id))
    context = {"person": person, **found, "events": told_to_others(found["events"])}
    return render(request, "accounts/user_history.html", context)


@requires("users.write")
@require_POST
def user_session_revoke(request: HtmxHttpRequest, user_id: UUID, session_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    refuse_about_oneself(request, person)
    session = get_object_or_404(Session, user=person, public_id=session_id)
    try:
        actions.revoke_session(actor=request.user, session=session)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, _("%(device)s is signed out.") % {"device": session.device})
    return redirect("accounts:user_sessions", person.public_id)


@requires("users.write")
@require_POST
def user_sessions_revoke(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    refuse_about_oneself(request, person)
    keep = request.session.row if person == request.user else None
    try:
        ended = actions.revoke_other_sessions(actor=request.user, user=person, keep=keep)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        words = ngettext("%(count)d session is signed out.", "%(count)d sessions are signed out.", ended)
        messages.success(request, words % {"count": ended})
    return redirect("accounts:user_sessions", person.public_id)
