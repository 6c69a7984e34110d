"""Passkeys: at the door, at the second step, to prove oneself again, and one's own to make, name and remove."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import actions, arrival
from accounts.credentials import wait_out_refusal
from accounts.factors import recovery
from accounts.factors.passkey import prove
from accounts.forms.passkey import NewPasskeyForm, PasskeyNameForm
from accounts.http import HtmxHttpRequest, wanted_page
from accounts.models import Passkey
from accounts.obstacles import ALL_OBSTACLES, factor_due
from accounts.views.second_step import must_prove, onward, refuse_excluded
from accounts.webauthn import Refused, ask_for_new, ask_for_proof, hindrance, made
from settings_store.store import get_setting
from ui.devices import device_in_words
from ui.forms import form_status, posted, require_page_methods
from ui.guard import public, signed_in


@public
@require_POST
def login_passkey_options(request: HttpRequest) -> HttpResponse:
    """What the browser is asked at the door: one of whoever is between the steps, else any it knows."""
    came = arrival.pending(request)
    if came is None and not _is_offered():
        raise Http404
    return JsonResponse(ask_for_proof(request, came.user if came else None))


@public
@sensitive_post_parameters("credential")
@require_POST
def login_passkey(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey alone; the same sentence for one that is unknown, wrong, late or of somebody inactive."""
    wanted = wanted_page(request)
    passkey = prove(request, user=None) if _is_offered() else None
    if passkey is not None:
        return arrival.welcome(request, passkey.user, by="passkey", factor="passkey", next_url=wanted)
    messages.error(request, _("That passkey did not sign you in. Try again, or use your password."))
    wait_out_refusal()
    return redirect(f"{reverse('login')}?{urlencode({'next': wanted})}")


@public
@sensitive_post_parameters("credential")
@require_POST
def login_factor_passkey(request: HttpRequest) -> HttpResponse:
    """A passkey as the second step; without the first, there is nothing to prove."""
    came = arrival.pending(request)
    if came is None:
        return redirect("login_factor")
    if prove(request, user=came.user) is not None:
        return arrival.complete(request, came, factor="passkey", remember="remember" in request.POST)
    messages.error(request, _unproved())
    return redirect("login_factor")


@signed_in(before=ALL_OBSTACLES, in_person=True)
@require_POST
def step_up_passkey_options(request: HtmxHttpRequest) -> HttpResponse:
    return JsonResponse(ask_for_proof(request, request.user))


@signed_in(before=ALL_OBSTACLES, in_person=True)
@sensitive_post_parameters("credential")
@require_POST
def step_up_passkey(request: HtmxHttpRequest) -> HttpResponse:
    """Prove oneself again by a passkey, also where a role asks for a factor that this session has not seen."""
    wanted = wanted_page(request)
    if prove(request, user=request.user) is not None:
        actions.step_up(request=request, user=request.user, by="passkey", factor="passkey")
        return redirect(wanted)
    messages.error(request, _unproved())
    page = "factor_due" if factor_due(request) else "step_up"
    return redirect(f"{reverse(page)}?{urlencode({'next': wanted})}")


@signed_in(before=ALL_OBSTACLES, step_up=True)
@require_POST
def passkey_options(request: HtmxHttpRequest) -> HttpResponse:
    """What the browser is asked in order to make one."""
    if detour := must_prove(request):
        return detour
    refuse_excluded(request.user)
    return JsonResponse(ask_for_new(request, request.user))


@signed_in(before=ALL_OBSTACLES, step_up=True)
@sensitive_post_parameters("credential")
@require_page_methods
def passkey_new(request: HtmxHttpRequest) -> HttpResponse:
    if detour := must_prove(request):
        return detour
    refuse_excluded(request.user)
    initial = {"name": device_in_words(request.headers.get("User-Agent", ""))}
    form = NewPasskeyForm(posted(request), initial=initial)
    if form.is_valid():
        try:
            new = made(request, form.cleaned_data["credential"])
            codes = actions.add_passkey(request=request, user=request.user, name=form.cleaned_data["name"], made=new)
        except Refused as refused:
            late = str(refused) in {"late", "again"}
            form.add_error(
                None,
                _("That took too long. Try again.")
                if late
                else _("What the browser answered is no passkey for here. Try again, or use another device."),
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The passkey is set up. All your other sessions are signed out."))
            if codes:
                recovery.keep(request.session, request.user, codes)
                return redirect(f"{reverse('accounts:recovery_codes')}?{urlencode({'next': onward(request)})}")
            return redirect(onward(request))
    context = {"form": form, "hindrance": hindrance(request), "due": factor_due(request), "next": onward(request)}
    return render(request, "accounts/passkey_new.html", context, status=form_status(form))


@signed_in(in_person=True)
@require_page_methods
def passkey_rename(request: HtmxHttpRequest, passkey_id: UUID) -> HttpResponse:
    passkey = get_object_or_404(Passkey, user=request.user, public_id=passkey_id)
    if detour := must_prove(request):
        return detour
    form = PasskeyNameForm(posted(request), initial={"name": passkey.name})
    if form.is_valid():
        actions.rename_passkey(user=request.user, passkey=passkey, name=form.cleaned_data["name"])
        messages.success(request, _("Saved"))
        return redirect("accounts:profile_security")
    context = {"form": form, "passkey": passkey}
    return render(request, "accounts/passkey_rename.html", context, status=form_status(form))


@signed_in(step_up=True)
@require_page_methods
def passkey_remove(request: HtmxHttpRequest, passkey_id: UUID) -> HttpResponse:
    passkey = get_object_or_404(Passkey, user=request.user, public_id=passkey_id)
    if detour := must_prove(request):
        return detour
    refusal = ""
    if request.method == "POST":
        try:
            actions.remove_passkey(request=request, user=request.user, passkey=passkey)
        except ValidationError as error:
            refusal = error.messages[0]
        else:
            messages.success(request, _("The passkey is removed. All your other sessions are signed out."))
            return redirect("accounts:profile_security")
    context = {"passkey": passkey, "refusal": refusal}
    return render(request, "accounts/passkey_remove.html", context, status=422 if refusal else 200)


def _is_offered() -> bool:
    """Whether anybody signs in here with a passkey alone."""
    return bool(get_setting("accounts.second_factor.passkey_sign_in"))


def _unproved() -> str:
    return _("That passkey proved nothing. Try again, or use another way.")
