"""One's own second factors: the page of security, the authenticator app, recovery codes, remembered devices."""

from __future__ import annotations

import base64
import time
from uuid import UUID

import segno
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from accounts import actions, devices
from accounts.factors import recovery, totp
from accounts.factors.policy import factors_of, may_set_up
from accounts.forms.factor import AppCodeForm
from accounts.http import HtmxHttpRequest
from accounts.models import Device
from accounts.obstacles import ALL_OBSTACLES, factor_due
from accounts.password_policy import may_change_here
from accounts.views.second_step import must_prove, onward, refuse_excluded, roles_asking
from settings_store import crypto
from settings_store.crypto import CannotOpen
from ui.absence import NotThere
from ui.forms import form_status, posted, require_page_methods
from ui.guard import signed_in

PENDING, PENDING_SECONDS = "app_pending", 900


@signed_in
@require_safe
def profile_security(request: HtmxHttpRequest) -> HttpResponse:
    person = request.user
    context = {
        "person": person,
        "factors": factors_of(person),
        "few_codes": recovery.FEW,
        "asking": roles_asking(person),
        "may_set_up": may_set_up(person),
        "may_change_password": may_change_here(person),
        "devices": Device.objects.filter(user=person).trusted().order_by("-last_seen_at", "pk"),
        "this_device": devices.recognised(request, person),
    }
    return render(request, "accounts/profile_security.html", context)


@signed_in(before=ALL_OBSTACLES, step_up=True)
@sensitive_post_parameters("code")
@sensitive_variables("secret", "codes")
@require_page_methods
def app_setup(request: HtmxHttpRequest) -> HttpResponse:
    """Show a new secret, and make it the person's app once they give a code of it; the old app counts until then."""
    person = request.user
    if detour := must_prove(request):
        return detour
    refuse_excluded(person)
    secret, is_new = _pending_secret(request)
    form = AppCodeForm(posted(request))
    if form.is_valid():
        step = totp.matching_step(secret, form.cleaned_data["code"])
        if step is not None:
            codes = actions.set_up_app(request=request, user=person, secret=secret, step=step)
            del request.session[PENDING]
            messages.success(request, _("The authenticator app is set up. All your other sessions are signed out."))
            if codes:
                recovery.keep(request.session, person, codes)
                return redirect(f"{reverse('accounts:recovery_codes')}?{urlencode({'next': onward(request)})}")
            return redirect(onward(request))
        form.refuse(_why_refused(secret, form.cleaned_data["code"], is_new=is_new), field="code")
    context = {
        "form": form,
        "due": factor_due(request),
        "replaces": factors_of(person).app is not None,
        "qr": _qr(totp.uri(secret, person)),
        "uri": mark_safe(totp.uri(secret, person)),  # noqa: S308 - quoted by its maker
        "secret": totp.in_groups(secret),
        "next": onward(request),
    }
    return render(request, "accounts/app_setup.html", context, status=form_status(form))


@signed_in(step_up=True)
@require_page_methods
def app_remove(request: HtmxHttpRequest) -> HttpResponse:
    if detour := must_prove(request):
        return detour
    refusal = ""
    if request.method == "POST":
        try:
            removed = actions.remove_app(request=request, user=request.user)
        except ValidationError as error:
            refusal = error.messages[0]
        else:
            if removed:
                messages.success(
                    request, _("The authenticator app is removed. All your other sessions are signed out.")
                )
            return redirect("accounts:profile_security")
    asking = roles_asking(request.user)
    last = not factors_of(request.user).passkeys
    context = {"refusal": refusal, "last": last, "asking": asking, "stays": last and bool(asking) and not refusal}
    return render(request, "accounts/app_remove.html", context, status=422 if refusal else 200)


@signed_in(before=ALL_OBSTACLES, in_person=True)
@sensitive_variables("codes")
@require_page_methods
def recovery_codes(request: HtmxHttpRequest) -> HttpResponse:
    """The recovery codes made a moment ago, until their person says that they are kept, or for ten minutes."""
    if request.method == "POST":
        recovery.put_away(request.session)
        return redirect(onward(request))
    codes, lost = _kept_codes(request)
    context = {"codes": codes, "lost": lost, "next": onward(request), "gate": request.user.must_change_password}
    return render(request, "accounts/recovery_codes.html", context)


@signed_in(before=ALL_OBSTACLES, in_person=True)
@sensitive_variables("codes", "lines")
@require_safe
def recovery_codes_file(request: HtmxHttpRequest) -> HttpResponse:
    """The same as a text file, as long as the page shows them."""
    codes, __ = _kept_codes(request)
    if not codes:
        raise NotThere(_("Recovery codes are shown once, right after they were made."))
    lines = [
        _("Recovery codes of %(person)s for Gatehouse, %(host)s, %(day)s")
        % {"person": request.user.username, "host": request.get_host(), "day": date_format(timezone.localdate())},
        _("Each works once instead of a code or a passkey."),
        "",
        *codes,
        "",
    ]
    answer = HttpResponse("\r\n".join(lines), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="gatehouse-recovery-codes.txt"'
    return answer


@signed_in(step_up=True)
@sensitive_variables("codes")
@require_page_methods
def recovery_codes_new(request: HtmxHttpRequest) -> HttpResponse:
    if detour := must_prove(request):
        return detour
    refusal = ""
    if request.method == "POST":
        try:
            codes = actions.make_recovery_codes(user=request.user, keep=request.session.row)
        except ValidationError as error:
            refusal = error.messages[0]
        else:
            recovery.keep(request.session, request.user, codes)
            return redirect("accounts:recovery_codes")
    context = {"refusal": refusal, "left": factors_of(request.user).codes_left}
    return render(request, "accounts/recovery_codes_new.html", context, status=422 if refusal else 200)


@signed_in(in_person=True)
@require_POST
def device_forget(request: HtmxHttpRequest, device_id: UUID) -> HttpResponse:
    device = get_object_or_404(Device, user=request.user, public_id=device_id)
    if actions.forget_device(user=request.user, device=device):
        messages.success(request, _("%(device)s is not remembered any more.") % {"device": device})
    return redirect("accounts:profile_security")


@signed_in(in_person=True)
@require_POST
def devices_forget(request: HtmxHttpRequest) -> HttpResponse:
    count = actions.forget_devices(user=request.user)
    if count:
        words = ngettext("%(count)d device is forgotten.", "%(count)d devices are forgotten.", count)
        messages.success(request, words % {"count": count})
    return redirect("accounts:profile_security")


@sensitive_variables()
def _pending_secret(request: HtmxHttpRequest) -> tuple[bytes, bool]:
    """The secret that waits in the session to be confirmed, and whether it had to be made."""
    kept, context = request.session.get(PENDING), f"pending {totp.context(request.user)}"
    if kept is not None and time.time() - kept["at"] < PENDING_SECONDS:
        try:
            return crypto.open_sealed(base64.b64decode(kept["sealed"]), context=context), False
        except CannotOpen:
            pass
    secret = totp.new_secret()
    sealed = base64.b64encode(crypto.seal(secret, context=context)).decode()
    request.session[PENDING] = {"sealed": sealed, "at": time.time()}
    return secret, True


@sensitive_variables()
def _why_refused(secret: bytes, code: str, *, is_new: bool) -> str:
    if is_new:
        return _("The secret you scanned was shown too long ago. This is a new one: scan it, and give its code.")
    # Whoever sees the secret may as well hear more about it.
    minutes = totp.minutes_off(secret, code)
    if minutes is None:
        return _("That is not the code of this secret. Take the one that the app shows at this moment.")
    return ngettext(
        "The clock of your phone is off by about %(minutes)d minute. Let the phone set it by itself, then try again.",
        "The clock of your phone is off by about %(minutes)d minutes. Let the phone set it by itself, then try again.",
        minutes,
    ) % {"minutes": minutes}


def _kept_codes(request: HtmxHttpRequest) -> tuple[list[str], bool]:
    try:
        return recovery.kept(request.session, request.user), False
    except CannotOpen:
        return [], True


def _qr(uri: str) -> SafeString:
    # Dark on light also on a dark page: cameras expect it so.
    drawing = segno.make(uri, error="m", micro=False).svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return mark_safe(drawing)  # noqa: S308 - drawn from modules, none of the text is in it
