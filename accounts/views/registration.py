"""Coming by oneself, and proving that an address is one's own."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from accounts import actions, asking, handover, link_session, mail, registration, tokens
from accounts.forms.registration import AccountForm, AddressForm
from accounts.http import HtmxHttpRequest
from accounts.models import User
from accounts.password_policy import may_change_here
from ui.forms import form_status, posted, require_page_methods
from ui.guard import public, signed_in


@public
@require_page_methods
def register(request: HttpRequest) -> HttpResponse:
    """Ask for a link; whatever address is given, the answer is the same, in the same time."""
    if not registration.is_offered():
        return render(request, "accounts/register.html", {"closed": registration.policy()}, status=404)
    form, status = AddressForm(posted(request)), 200
    if form.is_valid():
        email = form.cleaned_data["email"]
        if asking.may_ask(email):
            actions.ask_registration(email=email)
            return redirect(f"{request.path}?asked")
        form.add_error(None, asking.too_often())
        status = 429
    context = {"form": form, "asked": "asked" in request.GET, "is_sent": mail.is_sent()}
    return render(request, "accounts/register.html", context, status=max(status, form_status(form)))


@public
@sensitive_post_parameters("password", "repeated")
@require_page_methods
def register_confirm(request: HttpRequest) -> HttpResponse:
    """Make the account by the link of a letter; the token leaves the address before the page is shown."""
    token = request.GET.get("token")
    if token is not None and request.method != "POST":
        if tokens.registering(token) is None:
            return render(request, "accounts/register_confirm.html", {"email": None})
        link_session.keep(request, link_session.REGISTER, token)
        return redirect("register_confirm")
    token = link_session.kept(request, link_session.REGISTER)
    email = tokens.registering(token)
    if email is None:
        return render(request, "accounts/register_confirm.html", {"email": None})
    taken = User.objects.named(email).exists()
    context = {
        "email": email,
        "taken": taken,
        "refused": not registration.may_register(email),
        "elsewhere": not may_change_here(User(email=email)),
    }
    if taken or context["refused"] or context["elsewhere"]:
        return render(request, "accounts/register_confirm.html", context)
    initial = {"username": registration.suggested_username(email)}
    form = AccountForm(posted(request), initial=initial, person=User(email=email))
    if form.is_valid() and _registered(form, token):
        actions.drop_session(request=request)
        words = _("Your account is ready. Sign in with it.")
        handover.keep_arrived(request.session, words, form.cleaned_data["username"])
        return redirect("login")
    context["form"] = form
    return render(request, "accounts/register_confirm.html", context, status=form_status(form))


@signed_in(step_up=True)
@require_page_methods
def email_change(request: HtmxHttpRequest) -> HttpResponse:
    """Ask for another address; it counts once the link that was sent there is used."""
    form, status = AddressForm(posted(request)), 200
    if form.is_valid():
        email = form.cleaned_data["email"]
        if not asking.may_ask(email):
            form.add_error(None, asking.too_often())
            status = 429
        else:
            try:
                actions.ask_address(actor=request.user, email=email)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                on_its_way = _("A link is on its way to the new address. Until it is used, nothing changes.")
                messages.success(request, asking.answered(on_its_way))
                return redirect("accounts:profile")
    context = {"form": form, "elsewhere": not may_change_here(request.user), "is_sent": mail.is_sent()}
    return render(request, "accounts/email_change.html", context, status=max(status, form_status(form)))


@signed_in(in_person=True)
@require_POST
def email_verification(request: HtmxHttpRequest) -> HttpResponse:
    """Send a link that proves the present address."""
    if request.user.is_verified:
        messages.info(request, _("Your email address is verified already."))
    elif asking.may_ask(request.user.email):
        actions.ask_verification(actor=request.user)
        on_its_way = _("A link is on its way to %(email)s.") % {"email": request.user.email}
        messages.success(request, asking.answered(on_its_way))
    else:
        messages.error(request, asking.too_often())
    return redirect("accounts:profile")


@signed_in(in_person=True)
@require_page_methods
def email_verify(request: HtmxHttpRequest) -> HttpResponse:
    """Confirm an address by a button: what follows links in letters to look for harm must not confirm any."""
    token = request.POST.get("token") or request.GET.get("token") or ""
    found = tokens.proving(token)
    person, email = found or (None, "")
    context = {
        "token": token,
        "email": email,
        "found": found is not None,
        "foreign": person not in (None, request.user),
    }
    if request.method != "POST" or found is None or context["foreign"]:
        return render(request, "accounts/email_verify.html", context)
    try:
        confirmed = actions.confirm_address(actor=request.user, token=token)
    except ValidationError as error:
        return render(request, "accounts/email_verify.html", {**context, "error": error.messages[0]}, status=422)
    if confirmed is None:
        return render(request, "accounts/email_verify.html", {**context, "found": False})
    messages.success(request, _("%(email)s is confirmed.") % {"email": email})
    return redirect("accounts:profile")


@sensitive_variables("token")
def _registered(form: AccountForm, token: str) -> bool:
    names = {name: form.cleaned_data[name] for name in ("username", "full_name", "password")}
    try:
        person = actions.register(token=token, **names)
    except ValidationError as error:
        form.add_error(None, error)
        return False
    if person is None:
        form.add_error(None, _("This link does not work any more: its time is over."))
    return person is not None
