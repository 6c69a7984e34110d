"""A second factor asked for: on the way in, and in a session whose role asks for one it has not seen."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import get_backends
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts import actions, arrival
from accounts.factors import proof
from accounts.factors.policy import Factors, factors_of, is_proved, may_set_up
from accounts.forms.factor import AppCodeForm, CodeForm, RecoveryCodeForm
from accounts.http import HtmxHttpRequest, wanted_page
from accounts.models import User, has_factor
from accounts.obstacles import ALL_OBSTACLES
from settings_store.crypto import CannotOpen
from settings_store.store import get_setting
from ui.absence import NotThere
from ui.forms import form_status, posted, require_page_methods
from ui.guard import public, signed_in


@public
@sensitive_post_parameters("code")
@require_page_methods
def login_factor(request: HttpRequest) -> HttpResponse:
    """The second step of signing in; without the first, there is nothing to ask."""
    came = arrival.pending(request)
    factors = factors_of(came.user) if came else None
    if came is None or factors is None or not factors.any:
        messages.info(request, _("Sign in first. After the password there are ten minutes for the second step."))
        return redirect("login")
    if "cancel" in request.POST:
        request.session.flush()
        return redirect("login")
    form = code_form(request, factors)
    if form.is_bound and is_right(form, came.user):
        return arrival.complete(request, came, factor=form.kind, remember="remember" in request.POST)
    context = {
        "form": form,
        "factors": factors,
        "person": came.user,
        "remember_days": int(get_setting("accounts.second_factor.remember_days")),
    }
    return render(request, "accounts/login_factor.html", context, status=form_status(form))


@signed_in(before=ALL_OBSTACLES, in_person=True)
@sensitive_post_parameters("code")
@require_page_methods
def factor_due(request: HtmxHttpRequest) -> HttpResponse:
    """Ask for the factor here where there is one; else say who asks for one, and lead to where it is set up."""
    person, factors = request.user, factors_of(request.user)
    if is_proved(request) or not (factors.any or person.must_have_factor):
        return redirect(wanted_page(request))
    if not factors.any:
        asking = {"roles": roles_asking(person), "next": wanted_page(request)}
        return render(request, "accounts/factor_first.html", asking)
    form = code_form(request, factors)
    if form.is_bound and is_right(form, person):
        actions.step_up(request=request, user=person, by=form.kind, factor=form.kind)
        return redirect(wanted_page(request))
    context = {"form": form, "factors": factors, "person": person, "next": wanted_page(request)}
    return render(request, "accounts/factor_due.html", context, status=form_status(form))


def code_form(request: HttpRequest, factors: Factors, wanted: str | None = None) -> CodeForm:
    """The form that was sent or asked for: a recovery code where there is no app, or where the person chose that."""
    wanted = wanted or request.POST.get("with") or request.GET.get("with")
    kind = AppCodeForm if factors.app is not None and wanted != "recovery" else RecoveryCodeForm
    return kind(posted(request))


def is_right(form: CodeForm, person: User) -> bool:
    """Whether the code that was sent is right; the form says what is wrong. What cannot be a code is no try."""
    if not form.is_valid():
        return False
    try:
        right = proof.give(person, form.kind, form.cleaned_data["code"])
    except CannotOpen:
        form.refuse(_("This installation cannot read the secret of your app any more. Use a recovery code instead."))
        return False
    if not right:
        form.refuse(form.refusal)
    return right


def must_prove(request: HtmxHttpRequest) -> HttpResponse | None:
    """The way to the factor, where there is one and this session has not seen it: a password alone changes none."""
    if not has_factor(request.user) or is_proved(request):
        return None
    return redirect(f"{reverse('factor_due')}?{urlencode({'next': request.get_full_path()})}")


def refuse_excluded(person: User) -> None:
    """A page that says so to somebody without a factor whose domain may set up none."""
    if not has_factor(person) and not may_set_up(person):
        raise NotThere(_("Second factors are not offered for your email address here."))


def onward(request: HtmxHttpRequest) -> str:
    """Where to go once a factor is set up: on to where it was asked for, else back to the others."""
    if "next" in request.GET or "next" in request.POST:
        return wanted_page(request)
    return reverse("accounts:profile_security")


def roles_asking(person: User) -> list[str]:
    """The names of this person's roles that ask for a second factor."""
    found = (
        backend.roles_asking_factor(person) for backend in get_backends() if hasattr(backend, "roles_asking_factor")
    )
    return [name for names in found for name in names]
