"""Choosing a password: in place of the present one, or by a link where that is forgotten."""

from __future__ import annotations

from threading import BoundedSemaphore

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from accounts import actions, asking, credentials, handover, link_session, mail, tokens
from accounts.forms.entry import PasswordChangeForm
from accounts.forms.password import ForgottenForm, NewPasswordForm
from accounts.http import HtmxHttpRequest, wanted_page
from accounts.models import User
from accounts.names import storable
from accounts.obstacles import PASSWORD_CHANGE
from accounts.password_policy import LOOKED_AT, may_change_here, strength_of
from ui.forms import form_status, posted, require_page_methods
from ui.guard import public, signed_in

# Looking at a password takes up to a third of a second of a core: one at a time in each process is enough for a meter.
looking = BoundedSemaphore(1)


@signed_in(before=[PASSWORD_CHANGE], in_person=True)
@sensitive_post_parameters("present", "password", "repeated")
@require_page_methods
def password_change(request: HtmxHttpRequest) -> HttpResponse:
    forced = request.user.must_change_password
    if not may_change_here(request.user):
        return render(request, "accounts/password_elsewhere.html", status=403 if request.method == "POST" else 200)
    form = PasswordChangeForm(posted(request), person=request.user)
    if form.is_bound and _changed(request, form):
        messages.success(request, _("Password changed. All other sessions are signed out."))
        return redirect(wanted_page(request) if forced else "accounts:profile")
    context = {"form": form, "forced": forced, "next": wanted_page(request)}
    return render(request, "accounts/password_change.html", context, status=form_status(form))


@public
@require_page_methods
def password_forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link; whoever asks, for whomever, gets the same answer in the same time."""
    form, status = ForgottenForm(posted(request)), 200
    if form.is_valid():
        name = form.cleaned_data["name"]
        if asking.may_ask(name):
            actions.ask_reset(name=name)
            return redirect(f"{request.path}?asked")
        form.add_error(None, asking.too_often())
        status = 429
    context = {"form": form, "asked": "asked" in request.GET, "is_sent": mail.is_sent()}
    return render(request, "accounts/password_forgotten.html", context, status=max(status, form_status(form)))


@public
@sensitive_post_parameters("password", "repeated")
@require_page_methods
def password_reset(request: HttpRequest) -> HttpResponse:
    """Choose a new password by the link of a letter; the token leaves the address before the page is shown."""
    token = request.GET.get("token")
    if token is not None and request.method != "POST":
        if tokens.resetting(token) is None:
            return render(request, "accounts/password_reset.html", {"person": None})
        link_session.keep(request, link_session.RESET, token)
        return redirect("password_reset")
    token = link_session.kept(request, link_session.RESET)
    person = tokens.resetting(token)
    if person is None:
        return render(request, "accounts/password_reset.html", {"person": None})
    form = NewPasswordForm(posted(request), person=person)
    if form.is_valid() and _reset(form, token):
        # Their sessions are over, this one too, whoever was signed in here.
        actions.drop_session(request=request)
        handover.keep_arrived(request.session, _("Your password is changed. Sign in with it."), person.username)
        return redirect("login")
    return render(request, "accounts/password_reset.html", {"form": form, "person": person}, status=form_status(form))


@public
@sensitive_post_parameters("password")
@sensitive_variables("password")
@require_POST
def password_strength(request: HttpRequest) -> HttpResponse:
    """The meter beside a new password, for those before such a field; nothing of what is typed is kept."""
    if not request.user.is_authenticated and not link_session.is_choosing(request):
        raise Http404
    password = request.POST.get("password", "")[:LOOKED_AT]
    if not password or not storable(password) or not looking.acquire(blocking=False):
        return HttpResponse(status=204)
    try:
        names = [request.POST.get(name, "") for name in ("username", "full_name")]
        strength = strength_of(password, *_names_of(request), *names)
    finally:
        looking.release()
    return render(request, "accounts/_strength.html", {"strength": strength})


def _names_of(request: HttpRequest) -> list[str]:
    person = request.user
    return [person.username, person.email, person.full_name] if isinstance(person, User) else []


def _changed(request: HtmxHttpRequest, form: PasswordChangeForm) -> bool:
    form.full_clean()
    # Asked whatever else is wrong, so that all is said at once.
    present = form.cleaned_data.get("present")
    if present and not credentials.confirm(request.user, present):
        form.add_error("present", _("This is not your password. After many wrong ones, none is tried for a while."))
    if form.errors:
        return False
    try:
        actions.change_password(
            actor=request.user, user=request.user, password=form.cleaned_data["password"], keep=request.session.row
        )
    except ValidationError as error:
        form.add_error("password", error)
        return False
    # A session is bound to the hash it began with, and its old cookie must not outlive the old password.
    update_session_auth_hash(request, request.user)
    return True


@sensitive_variables("token")
def _reset(form: NewPasswordForm, token: str) -> bool:
    try:
        person = actions.reset_password(token=token, password=form.cleaned_data["password"])
    except ValidationError as error:
        form.add_error("password", error)
        return False
    if person is None:
        form.add_error(None, _("This link does not work any more: it was used a moment ago."))
    return person is not None
