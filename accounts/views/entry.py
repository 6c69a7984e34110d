"""The doors: sign in, sign out, prove oneself again."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import actions, arrival, credentials, handover, registration
from accounts.factors.policy import factors_of
from accounts.forms.entry import SignInForm, StepUpForm
from accounts.forms.factor import CodeForm
from accounts.forms.profile import ThemeForm
from accounts.http import HtmxHttpRequest, wanted_page
from accounts.models import IdentityProvider, User
from accounts.obstacles import ALL_OBSTACLES
from accounts.password_policy import may_change_here
from accounts.views.second_step import code_form, is_right
from ui.forms import form_status, posted, require_page_methods
from ui.guard import public, signed_in


@public
@sensitive_post_parameters("password")
@require_page_methods
def login(request: HttpRequest) -> HttpResponse:
    """The same answer, in the same time, for a wrong password and for a person who is unknown, inactive or locked."""
    if request.method != "POST" and request.user.is_authenticated:
        return redirect(wanted_page(request))
    arrived, username = ("", "") if request.method == "POST" else handover.take_arrived(request.session)
    form = SignInForm(posted(request), initial={"username": username})
    if form.is_valid():
        person = authenticate(request, **form.cleaned_data)
        if isinstance(person, User):
            return arrival.welcome(request, person, by="password", next_url=wanted_page(request))
        credentials.wait_out_refusal()
        form.add_error(
            None,
            _(
                "That email or username and password do not belong together. "
                "After many wrong passwords nobody gets in for a while, even with the right one."
            ),
        )
    context = {"form": form, "next": wanted_page(request), "registers": registration.is_offered(), "arrived": arrived}
    return render(request, "accounts/login.html", context, status=form_status(form))


@signed_in(before=ALL_OBSTACLES)
@require_POST
def logout(request: HtmxHttpRequest) -> HttpResponse:
    if request.impersonator is not None:
        # Whoever acts as somebody else signs themselves out, and nobody else.
        actions.end_impersonation(request=request, admin=request.impersonator, person=request.user, why="signed out")
    actions.sign_out(request=request, user=request.impersonator or request.user)
    return redirect("login")


@signed_in(before=ALL_OBSTACLES, in_person=True)
@sensitive_post_parameters("password", "code")
@require_page_methods
def step_up(request: HtmxHttpRequest) -> HttpResponse:
    """Ask for the password or a factor again before something dangerous, then go on to where the person was."""
    person, factors = request.user, factors_of(request.user)
    ways = ["password"] if person.has_usable_password() else []
    if factors.app is not None:
        ways.append("app")
    if factors.any:
        ways.append("recovery")
    wanted = request.POST.get("with") or request.GET.get("with") or ""
    way = wanted if wanted in ways else next(iter(ways), "")
    form = StepUpForm(posted(request)) if way in {"", "password"} else code_form(request, factors, way)
    if way and form.is_bound and _is_proved(form, person):
        actions.step_up(request=request, user=person, by=way, factor="" if way == "password" else way)
        return redirect(wanted_page(request))
    context = {
        "form": form,
        "way": way,
        "ways": ways,
        "factors": factors,
        "provided": IdentityProvider.objects.enabled().filter(identities__user=person).exists(),
        "may_choose": may_change_here(person),
        "next": wanted_page(request),
    }
    return render(request, "accounts/step_up.html", context, status=form_status(form))


@signed_in(in_person=True)
@require_POST
def theme(request: HtmxHttpRequest) -> HttpResponse:
    form = ThemeForm(request.POST)
    if form.is_valid():
        preferences = {**request.user.preferences, "theme": form.cleaned_data["theme"]}
        actions.update_profile(actor=request.user, preferences=preferences)
    return redirect(wanted_page(request))


def _is_proved(form: StepUpForm | CodeForm, person: User) -> bool:
    if not isinstance(form, StepUpForm):
        return is_right(form, person)
    if not form.is_valid():
        return False
    if right := credentials.confirm(person, form.cleaned_data["password"]):
        return right
    form.add_error("password", _wrong_password())
    return False


def _wrong_password() -> str:
    return _("This is not your password. After many wrong ones, none is tried for a while.")
