"""Which claims of an identity provider give which roles: a tab of its page."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import HtmxHttpRequest
from accounts.models import IdentityProvider
from rbac.actions.claims import map_claim, mapping_refusal, unmap_claim
from rbac.forms.claims import ClaimRoleForm
from rbac.models import Assignment, ClaimRole
from rbac.role_map import current_role_map
from ui.forms import form_status, posted, require_page_methods, sentence_of
from ui.guard import requires


@requires("identities.read", also="roles.read")
@require_safe
def claim_roles(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    provider = get_object_or_404(IdentityProvider, slug=slug)
    may_write = request.user.has_perm("identities.write")
    mapped = ClaimRole.objects.filter(provider=provider).select_related("role").order_by("value", "-role__priority")
    roles = current_role_map()
    context = {
        "provider": provider,
        "mapped": [
            {"row": row, "may_remove": may_write and mapping_refusal(request.user, row.role, roles=roles) is None}
            for row in mapped
        ],
        "given": Assignment.objects.counting().filter(provider=provider).count(),
    }
    return render(request, "rbac/claim_roles.html", context)


@requires("identities.write", also="roles.read", step_up=True)
@require_page_methods
def claim_role_add(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    provider = get_object_or_404(IdentityProvider, slug=slug)
    form = ClaimRoleForm(posted(request), actor=request.user)
    if form.is_valid():
        try:
            map_claim(actor=request.user, provider=provider, **form.cleaned_data)
        except PermissionDenied as refusal:
            form.add_error(None, sentence_of(refusal))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("“%(value)s” gives %(role)s now.") % form.cleaned_data)
            return redirect("rbac:claim_roles", slug)
    context = {"provider": provider, "form": form}
    return render(request, "rbac/claim_role_add.html", context, status=form_status(form))


@requires("identities.write", also="roles.read", step_up=True)
@require_POST
def claim_role_remove(request: HtmxHttpRequest, slug: str, claim_role_id: int) -> HttpResponse:
    row = get_object_or_404(ClaimRole.objects.select_related("provider", "role"), pk=claim_role_id, provider__slug=slug)
    try:
        unmap_claim(actor=request.user, claim_role=row)
    except (PermissionDenied, ValidationError) as refusal:
        messages.error(request, sentence_of(refusal))
    else:
        words = {"value": row.value, "role": row.role}
        messages.success(request, _("“%(value)s” no longer gives %(role)s.") % words)
    return redirect("rbac:claim_roles", slug)
