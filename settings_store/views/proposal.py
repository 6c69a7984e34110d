"""Pages of proposals about settings or flags: what waits, what was decided, and the decisions themselves."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from settings_store import actions, proposals
from settings_store.actions.proposal import OVER, is_own, may_withdraw
from settings_store.definitions import Definition, UnknownSetting
from settings_store.fingerprints import may_compare
from settings_store.forms.proposal import DecisionForm, ReasonForm
from settings_store.kept import current_definition
from settings_store.models import Proposal
from settings_store.realms import Realm, realm_of
from settings_store.wording import line_by_line
from ui.forms import form_status, require_page_methods
from ui.guard import ask_step_up, requires, stepped_up
from ui.keyset import paginate

PER_PAGE = 25
TABS = {
    "awaiting": (Proposal.Status.AWAITING,),
    "scheduled": (Proposal.Status.SCHEDULED,),
    "done": (
        Proposal.Status.APPLIED,
        Proposal.Status.DECLINED,
        Proposal.Status.WITHDRAWN,
        Proposal.Status.FAILED,
    ),
}
# What is due first stands first; of all else the newest.
ORDERS = {"awaiting": "-pk", "scheduled": "apply_at", "done": "-ended_at"}


@requires("<realm>.read")
@require_safe
def proposal_list(request: HttpRequest, realm: Realm) -> HttpResponse:
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "awaiting"
    found = proposals.of_realm(realm).filter(status__in=TABS[tab])
    page = paginate(found, request, order={"place": (ORDERS[tab],)}, default="place", per_page=PER_PAGE)
    context = {
        "tab": tab,
        "page": page,
        "changes": proposals.shown(page.rows),
        "counts": proposals.counts(realm),
        "realm": realm,
        "rights": proposals.rights(request.user, realm),
        "others": _others(request, realm),
    }
    return render(request, "settings_store/proposal_list.html", context)


@requires("<realm>.read")
@require_safe
def proposal_detail(request: HttpRequest, realm: Realm, public_id: UUID) -> HttpResponse:
    return _page(request, _proposal(realm, public_id), DecisionForm())


@requires("<realm>.admin")
@require_page_methods
def proposal_approve(request: HttpRequest, realm: Realm, public_id: UUID) -> HttpResponse:
    proposal = _proposal(realm, public_id)
    if request.method != "POST":
        return redirect(_address(proposal))
    if _is_about_secret(proposal) and not stepped_up(request):
        return ask_step_up(request)
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            decided = actions.approve(actor=request.user, proposal=proposal, note=form.cleaned_data["note"])
        except ValidationError as error:
            return _refused(request, proposal, form, error)
        _say(request, decided)
        return redirect(_back(request, proposal))
    return _page(request, proposal, form, status=form_status(form))


@requires("<realm>.admin")
@require_page_methods
def proposal_decline(request: HttpRequest, realm: Realm, public_id: UUID) -> HttpResponse:
    proposal = _proposal(realm, public_id)
    if request.method != "POST":
        return redirect(_address(proposal))
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            actions.decline(actor=request.user, proposal=proposal, note=form.cleaned_data["note"])
        except ValidationError as error:
            return _refused(request, proposal, form, error)
        messages.success(request, _("Declined; its author sees your note."))
        return redirect(_address(proposal))
    return _page(request, proposal, form, status=form_status(form))


@requires("<realm>.read")
@require_page_methods
def proposal_withdraw(request: HttpRequest, realm: Realm, public_id: UUID) -> HttpResponse:
    proposal = _proposal(realm, public_id)
    if request.method != "POST":
        return redirect(_address(proposal))
    try:
        actions.withdraw(actor=request.user, proposal=proposal)
    except ValidationError as error:
        return _refused(request, proposal, DecisionForm(), error)
    messages.success(request, _("Withdrawn; nothing changes."))
    return redirect(_back(request, proposal))


@requires("<realm>.admin")
@require_page_methods
def setting_protect(request: HttpRequest, realm: Realm, key: str) -> HttpResponse:
    definition = _known(realm, key)
    if request.method == "POST":
        try:
            actions.protect(actor=request.user, key=definition.key)
        except UnknownSetting as error:
            # Retired or archived just now.
            raise Http404 from error
        messages.success(request, _("Protected: it changes only when somebody else approves."))
    return redirect(_page_of(request, realm, key))


@requires("<realm>.admin")
@require_page_methods
def setting_unprotect(request: HttpRequest, realm: Realm, key: str) -> HttpResponse:
    """Propose that the protection goes; somebody else decides."""
    definition = _known(realm, key)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            proposal = actions.propose_unprotect(
                actor=request.user, key=definition.key, reason=form.cleaned_data["reason"]
            )
        except UnknownSetting as error:
            raise Http404 from error
        except ValidationError as error:
            form.add_error("reason" if getattr(error, "code", None) == actions.ABOUT_REASON else None, error)
        else:
            messages.success(request, _("Proposed; somebody else decides."))
            return redirect(_address(proposal))
    context = {"key": key, "form": form, "realm": realm, "back": _page_of(request, realm, key)}
    return render(request, "settings_store/setting_unprotect.html", context, status=form_status(form))


def _page(request: HttpRequest, proposal: Proposal, form: DecisionForm, *, status: int = 200) -> HttpResponse:
    prints = may_compare(request.user)
    change = proposals.shown([proposal], prints=prints)[0]
    context = {
        "change": change,
        "proposal": proposal,
        "form": form,
        "realm": proposal.realm,
        "rights": proposals.rights(request.user, proposal.realm),
        "lines": change.lines or line_by_line(change.definition, change.old, change.new),
        "made": proposal.versions.select_related("setting").first(),
        "is_own": is_own(request.user, proposal),
        "may_withdraw": change.is_pending and may_withdraw(request.user, proposal),
        "prints": prints,
        "must_step_up": change.is_secret and not stepped_up(request),
    }
    return render(request, "settings_store/proposal_detail.html", context, status=status)


def _refused(request: HttpRequest, proposal: Proposal, form: DecisionForm, error: ValidationError) -> HttpResponse:
    """The page once more: 422 where something must be put right, 409 where the proposal is not what it was."""
    code = getattr(error, "code", None)
    proposal.refresh_from_db()
    form = form if form.is_bound else DecisionForm({})
    form.full_clean()
    form.add_error("note" if code == actions.ABOUT_NOTE else None, error)
    return _page(request, proposal, form, status=409 if code == OVER else 422)


def _say(request: HttpRequest, decided: Proposal) -> None:
    match decided.status:
        case Proposal.Status.APPLIED:
            messages.success(request, _("Approved, and done."))
        case Proposal.Status.SCHEDULED:
            messages.success(request, _("Approved; it happens at its time."))
        case _:
            messages.error(request, _("Approved, but it could not be done: %(why)s") % {"why": decided.trouble})


def _is_about_secret(proposal: Proposal) -> bool:
    """Also one that would take a secret away, or its protection."""
    return proposals.shown([proposal])[0].is_secret


def _proposal(realm: Realm, public_id: UUID) -> Proposal:
    return get_object_or_404(proposals.of_realm(realm), public_id=public_id)


def _others(request: HttpRequest, realm: Realm) -> int:
    """How many proposals wait on the other side, for whoever may read them there."""
    may_read = request.user.has_perm(realm.other.right("read"))
    return sum(proposals.counts(realm.other).values()) if may_read else 0


def _known(realm: Realm, name: str) -> Definition:
    key = realm.key(name)
    try:
        if realm_of(key) is realm:
            return current_definition(key)
    except UnknownSetting as error:
        raise Http404 from error
    raise Http404


def _back(request: HttpRequest, proposal: Proposal) -> str:
    """The page whose button was pressed, where it said so, else that of the proposal."""
    url = request.POST.get("back", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else _address(proposal)


def _address(proposal: Proposal) -> str:
    return reverse("settings_store:proposal_detail", args=[proposal.realm, proposal.public_id])


def _page_of(request: HttpRequest, realm: Realm, key: str) -> str:
    query = request.GET.urlencode()
    return reverse(realm.page, args=[key]) + (f"?{query}" if query else "")
