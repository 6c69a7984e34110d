"""Letting in again who is locked out."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import actions
from accounts.http import HtmxHttpRequest, visible_person
from ui.guard import requires


@requires("users.write")
@require_POST
def user_unlock(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    """End a lock before its time, from Home or from the page of the person."""
    person = visible_person(request, user_id)
    try:
        ended = actions.unlock_user(actor=request.user, user=person)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        words = _("%(person)s can try again at once.") if ended else _("%(person)s is not locked out.")
        messages.success(request, words % {"person": person})
    if request.POST.get("from") == "home":
        return redirect("home")
    return redirect("accounts:user_detail", person.public_id)
