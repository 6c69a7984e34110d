"""The doors: sign in, sign out, prove oneself again, change the password."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import actions, arrival, credentials
from accounts.forms.entry import PasswordChangeForm, SignInForm, StepUpForm
from accounts.forms.profile import ThemeForm
from accounts.http import HtmxHttpRequest, wanted_page
from accounts.models import User
from accounts.obstacles import ALL_OBSTACLES, PASSWORD_CHANGE
from ui.forms import form_status, posted, require_page_methods
from ui.guard import public, signed_in


@public
@sensitive_post_parameters("password")
@require_page_methods
def login(request: HttpRequest) -> HttpResponse:
    """The same answer, in the same time, for a wrong password and for a person who is unknown, inactive or locked."""
    if request.method != "POST" and request.user.is_authenticated:
        return redirect(wanted_page(request))
    form = SignInForm(posted(request))
    if form.is_valid():
        identifier = form.cleaned_data["username"]
        person = authenticate(request, username=identifier, password=form.cleaned_data["password"])
        if isinstance(person, User):
            return arrival.welcome(request, person, by="password", next_url=wanted_page(request))
        actions.record_failed_sign_in(identifier=identifier)
        credentials.wait_out_refusal()
        form.add_error(
            None,
            _(
                "That email or username and password do not belong together. "
                "After many wrong passwords nobody gets in for a while, even with the right one."
            ),
        )
    return render(
        request, "accounts/login.html", {"form": form, "next": wanted_page(request)}, status=form_status(form)
    )


@signed_in(before=ALL_OBSTACLES)
@require_POST
def logout(request: HtmxHttpRequest) -> HttpResponse:
    actions.sign_out(request=request, user=request.user)
    return redirect("login")


@signed_in(before=ALL_OBSTACLES, in_person=True)
@sensitive_post_parameters("password")
@require_page_methods
def step_up(request: HtmxHttpRequest) -> HttpResponse:
    """Ask for the password again before something dangerous, then go on to where the person was."""
    form = StepUpForm(posted(request))
    if form.is_valid():
        if credentials.confirm(request.user, form.cleaned_data["password"]):
            actions.step_up(request=request, user=request.user)
            return redirect(wanted_page(request))
        form.add_error("password", _wrong_password())
    return render(
        request, "accounts/step_up.html", {"form": form, "next": wanted_page(request)}, status=form_status(form)
    )


@signed_in(before=[PASSWORD_CHANGE], in_person=True)
@sensitive_post_parameters("present", "password", "repeated")
@require_page_methods
def password_change(request: HtmxHttpRequest) -> HttpResponse:
    forced = request.user.must_change_password
    form = PasswordChangeForm(posted(request), user=request.user)
    if form.is_bound and _password_changed(request, form):
        messages.success(request, _("Password changed. All other sessions are signed out."))
        return redirect("home" if forced else "accounts:profile")
    context = {"form": form, "forced": forced}
    return render(request, "accounts/password_change.html", context, status=form_status(form))


@signed_in
@require_POST
def theme(request: HtmxHttpRequest) -> HttpResponse:
    form = ThemeForm(request.POST)
    if form.is_valid():
        preferences = {**request.user.preferences, "theme": form.cleaned_data["theme"]}
        actions.update_profile(actor=request.user, preferences=preferences)
    return redirect(wanted_page(request))


def _password_changed(request: HtmxHttpRequest, form: PasswordChangeForm) -> bool:
    form.full_clean()
    # Asked whatever else is wrong, so that all is said at once.
    present = form.cleaned_data.get("present")
    if present and not credentials.confirm(request.user, present):
        form.add_error("present", _wrong_password())
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


def _wrong_password() -> str:
    return _("This is not your password. After many wrong ones, none is tried for a while.")
