"""Roles by the claims of identity providers: given and taken at each sign-in, as the mapping says."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import IdentityProvider, User
from rbac.actions.assignment import assign_role, lock_all_roles, revoke_role
from rbac.models import Assignment, ClaimRole, Role
from rbac.role_map import RoleMap, current_role_map
from rbac.rules import right_refusal, role_grant_refusal
from settings_store import audit


def follow_claims(*, user: User, provider: IdentityProvider, values: Collection[str], **kwargs: Any) -> None:
    """Give and take what the claims say; heard from accounts, inside its transaction.

    What a person was given by hand stays as it is, and so does what another provider gave.
    """
    lock_all_roles()
    mapped = ClaimRole.objects.filter(provider=provider).select_related("role")
    borne = {row.role_id: row.role for row in mapped if row.value in values}
    # A role that ran out may be given again; one that an admin has paused stays paused.
    held = {row.role_id: row for row in Assignment.objects.lasting().filter(user=user).select_related("role")}
    reason = _("By the claims of %(provider)s") % {"provider": provider}
    for role_id in sorted(borne.keys() - held.keys()):
        assign_role(actor=None, user=user, role=borne[role_id], reason=reason, provider=provider)
    for role_id in sorted(held.keys() - borne.keys()):
        if held[role_id].provider_id == provider.pk:
            _take(user, held[role_id].role, reason)


def leave_provider(*, provider: IdentityProvider, actor: User | None, **kwargs: Any) -> None:
    """Take what the claims of a provider gave before it is deleted; heard from accounts, inside its transaction."""
    reason = _("%(provider)s was deleted") % {"provider": provider}
    given = Assignment.objects.filter(provider=provider, is_open=True).select_related("user", "role")
    for row in given.order_by("role_id", "user_id"):
        _take(row.user, row.role, reason)


@transaction.atomic
def map_claim(*, actor: User | None, provider: IdentityProvider, value: str, role: Role) -> ClaimRole:
    """Let whoever bears `value` hold `role`; PermissionDenied to those who could not give it by hand."""
    _begin(actor, provider)
    if refusal := mapping_refusal(actor, role):
        raise PermissionDenied(refusal)
    try:
        with transaction.atomic():
            row = ClaimRole.objects.create(provider=provider, value=value, role=role)
    except IntegrityError as error:
        raise ValidationError({"value": _("This value gives that role already.")}) from error
    audit.record("claim_role.mapped", actor=actor, target=provider, after={"value": value, "role": role.name})
    return row


@transaction.atomic
def unmap_claim(*, actor: User | None, claim_role: ClaimRole) -> None:
    """The value no longer gives the role; whoever has it by that loses it at their next sign-in."""
    provider, role = claim_role.provider, claim_role.role
    _begin(actor, provider)
    if refusal := mapping_refusal(actor, role):
        raise PermissionDenied(refusal)
    if not ClaimRole.objects.filter(pk=claim_role.pk).delete()[0]:
        return
    before = {"value": claim_role.value, "role": role.name}
    audit.record("claim_role.unmapped", actor=actor, target=provider, before=before)


def mapping_refusal(actor: User | None, role: Role, *, roles: RoleMap | None = None) -> str | None:
    """Why `actor` may not let claims give `role`, or change a provider whose claims do."""
    return role_grant_refusal(actor, role, roles=roles)


def provider_refusal(actor: User, provider: IdentityProvider) -> str | None:
    """Why `actor` may not change a provider: whoever moves it decides who bears which claims."""
    roles = current_role_map()
    mapped = Role.objects.filter(claim_roles__provider=provider).distinct()
    return next((refusal for role in mapped if (refusal := mapping_refusal(actor, role, roles=roles))), None)


def _take(user: User, role: Role, reason: str) -> None:
    try:
        revoke_role(actor=None, user=user, role=role, reason=reason)
    except ValidationError:
        # The last admin stays, whatever a provider says.
        return


def _begin(actor: User | None, provider: IdentityProvider) -> None:
    # Roles before the provider, as everybody locks them: the row of a mapping refers to both.
    lock_all_roles()
    found = IdentityProvider.objects.select_for_update().filter(pk=provider.pk).values_list("pk").first()
    if found is None:
        raise ValidationError(_("This provider was deleted in the meantime."))
    if refusal := right_refusal(actor, "identities.write"):
        raise PermissionDenied(refusal)
