"""Invitations: accepted by whoever was invited, renewed and withdrawn by who may."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from accounts import actions, handover, link_session, mail, registration, tokens
from accounts.forms.registration import AccountForm
from accounts.http import HtmxHttpRequest, visible_person
from accounts.mail import link
from accounts.password_policy import may_change_here
from ui.forms import form_status, posted, require_page_methods
from ui.guard import public, requires


@public
@sensitive_post_parameters("password", "repeated")
@require_page_methods
def invitation(request: HttpRequest) -> HttpResponse:
    """Accept by the link; the token leaves the address before the page is shown."""
    token = request.GET.get("token")
    if token is not None and request.method != "POST":
        if tokens.invited(token) is None:
            return render(request, "accounts/invitation.html", {"person": None})
        link_session.keep(request, link_session.INVITATION, token)
        return redirect("invitation")
    token = link_session.kept(request, link_session.INVITATION)
    found = tokens.invited(token)
    if found is None:
        return render(request, "accounts/invitation.html", {"person": None})
    if not registration.may_invite() or not may_change_here(found.user):
        closed = "off" if not registration.may_invite() else "elsewhere"
        return render(request, "accounts/invitation.html", {"person": None, "closed": closed})
    initial = {"username": found.user.username, "full_name": found.user.full_name}
    form = AccountForm(posted(request), initial=initial, person=found.user)
    if form.is_valid() and _accepted(form, token):
        actions.drop_session(request=request)
        words = _("Your account is ready. Sign in with it.")
        handover.keep_arrived(request.session, words, form.cleaned_data["username"])
        return redirect("login")
    context = {"form": form, "person": found.user}
    return render(request, "accounts/invitation.html", context, status=form_status(form))


@requires("users.write")
@require_GET
def invitation_made(request: HtmxHttpRequest) -> HttpResponse:
    """Whom this session has just invited; where no mail is sent, their links are here to hand over, once."""
    shown = [
        (person, "" if mail.is_sent() else link("invitation", tokens.for_invitation(person, proves_address=False)))
        for person in handover.take_invited(request.session)
    ]
    return render(request, "accounts/invitation_made.html", {"people": shown, "is_sent": mail.is_sent()})


@requires("users.write")
@require_POST
def invitation_renew(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    try:
        person = actions.renew_invitation(actor=request.user, user=person)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, _("%(person)s is invited anew; the older link is dead.") % {"person": person})
        if not mail.is_sent():
            handover.keep_invited(request.session, [person])
            return redirect("accounts:invitation_made")
    return redirect("accounts:user_detail", person.public_id)


# What is withdrawn is deactivated, so it asks for what deactivating does.
@requires("users.write", also="users.delete")
@require_POST
def invitation_withdraw(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    person = visible_person(request, user_id)
    try:
        actions.withdraw_invitation(actor=request.user, user=person)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, _("The invitation of %(person)s is withdrawn.") % {"person": person})
    return redirect("accounts:user_detail", person.public_id)


@sensitive_variables("token")
def _accepted(form: AccountForm, token: str) -> bool:
    names = {name: form.cleaned_data[name] for name in ("username", "full_name", "password")}
    try:
        person = actions.accept_invitation(token=token, **names)
    except ValidationError as error:
        form.add_error(None, error)
        return False
    if person is None:
        form.add_error(None, _("This link does not work any more: it was used or withdrawn a moment ago."))
    return person is not None
