"""The same question as programs ask it, and its answer in JSON."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from accounts.http import HtmxHttpRequest
from rbac.views.api import Refused, api_call
from rbac.views.why import question_of
from rbac.why.answer import answer
from rbac.why.question import ABSENT, WhyForm
from ui.guard import Dialect, signed_in

PARAMETERS = ("person", "permission", "object", "page")


@signed_in(api=Dialect.PROBLEM)
@api_call("why", methods=("GET", "HEAD"))
def why_api(request: HtmxHttpRequest) -> HttpResponse:
    """Whether somebody may, and why; 404 for a permission, person or object that is not there or out of sight."""
    if odd := _odd(request):
        raise Refused(400, odd)
    form = WhyForm(request.GET, asker=request.user, host=request.get_host())
    if not form.is_valid():
        errors = [error for found in form.errors.as_data().values() for error in found]
        raise Refused(404 if errors[0].code == ABSENT else 400, " ".join(errors[0].messages))
    try:
        question = question_of(request, form)
    except PermissionDenied as refusal:
        raise Refused(403, _("This needs the permission %(name)s.") % {"name": refusal}) from None
    verdict = answer(question)
    path = [{"step": step.name, "outcome": step.outcome.value, "sentence": step.sentence} for step in verdict.steps]
    return JsonResponse(
        {
            "allowed": verdict.allowed,
            "decided_by": verdict.decided_by,
            "sentence": verdict.sentence,
            "path": path,
        }
    )


def _odd(request: HtmxHttpRequest) -> str:
    """What is wrong with the names of the parameters; empty where nothing is."""
    for name, values in request.GET.lists():
        if name not in PARAMETERS:
            return _("There is no parameter %(name)s; there are %(names)s.") % {
                "name": repr(name[:40]),
                "names": ", ".join(PARAMETERS),
            }
        if len(values) > 1:
            return _("The parameter %(name)s is given more than once.") % {"name": name}
    return ""
