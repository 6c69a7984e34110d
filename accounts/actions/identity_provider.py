"""Changes of identity providers. A client secret is sealed here and opened here, nowhere else."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import rules
from accounts.models import Identity, IdentityProvider, User
from accounts.oidc.discovery import Metadata, Place, check_address, look
from accounts.oidc.errors import OidcError
from accounts.oidc.flow import Client
from accounts.signals import identity_provider_leaving
from settings_store import audit, crypto, outbound
from settings_store.database import close_connections

# What an edit may touch; the short name stands in the address the provider knows, so it stays.
FIELDS = ("name", "issuer", "client_id", "scopes", "allow_private", "joining", "links_by_email", "role_claim")


def client_of(provider: IdentityProvider) -> Client:
    """This house as the provider knows it; raises OidcError where the secret does not open here."""
    secret = ""
    if provider.sealed_secret:
        try:
            secret = crypto.open_sealed(bytes(provider.sealed_secret), context=seal_context(provider)).decode()
        except crypto.CannotOpen as error:
            raise OidcError(
                _("Signing in this way does not work at the moment. Try again later, or tell an admin."),
                trouble=_("The client secret cannot be opened with the keys of this installation. Enter it again."),
                detail="CannotOpen",
            ) from error
    return Client(place_of(provider), provider.client_id, secret, provider.scopes, provider.role_claim)


def place_of(provider: IdentityProvider) -> Place:
    return Place(provider.issuer, provider.allow_private)


def seal_context(provider: IdentityProvider) -> str:
    """What the secret of a provider is bound to."""
    return f"accounts.identityprovider:{provider.public_id}"


@transaction.atomic
def create_identity_provider(*, actor: User | None, slug: str, secret: str = "", **fields: Any) -> IdentityProvider:
    """A new provider, which is offered at the door at once. Raises ValidationError."""
    provider = IdentityProvider(slug=slug, **{name: fields[name] for name in FIELDS})
    _check_issuer(provider)
    provider.sealed_secret = _sealed(provider, secret)
    try:
        with transaction.atomic():
            provider.save(force_insert=True)
    except IntegrityError as error:
        raise ValidationError({"slug": _("Another provider has this short name.")}) from error
    audit.record("identity_provider.created", actor=actor, target=provider, after={"slug": slug, **_facts(provider)})
    return provider


@transaction.atomic
def update_identity_provider(
    *, actor: User | None, provider: IdentityProvider, secret: str = "", remove_secret: bool = False, **fields: Any
) -> IdentityProvider:
    """Change a provider; an empty `secret` keeps the one it has.

    Raises ValidationError where the issuer changes and somebody is connected: the same subject is somebody else there;
    or where the kept secret would be sent to another issuer: whoever may edit could read it at one of their own.
    """
    row = _lock(provider)
    rules.ask_provider(actor, row)
    before = _facts(row)
    moves = fields["issuer"] != row.issuer
    if moves and (people := Identity.objects.filter(provider=row).count()):
        sentence = ngettext(
            "%(count)d person is connected at this issuer, so it stays. Another issuer is another provider.",
            "%(count)d people are connected at this issuer, so it stays. Another issuer is another provider.",
            people,
        )
        raise ValidationError({"issuer": sentence % {"count": people}})
    if moves and row.sealed_secret and not secret and not remove_secret:
        raise ValidationError({"secret": _("This is another issuer. Give its secret, or remove the one kept.")})
    for name in FIELDS:
        setattr(row, name, fields[name])
    _check_issuer(row)
    secret_changes = bool(secret) or (remove_secret and row.sealed_secret is not None)
    if secret_changes:
        row.sealed_secret = _sealed(row, secret)
    after = _facts(row)
    if before == after and not secret_changes:
        return row
    row.trouble = ""
    row.save(update_fields=[*FIELDS, "sealed_secret", "trouble", "updated_at"])
    changes = audit.changes(before, after, also=("secret",) if secret_changes else ())
    audit.record("identity_provider.updated", actor=actor, target=row, **changes)
    return row


@transaction.atomic
def set_identity_provider_enabled(*, actor: User | None, provider: IdentityProvider, is_enabled: bool) -> None:
    """Offer a provider at the door, or not; who is signed in stays so."""
    row = _lock(provider)
    rules.ask_provider(actor, row)
    if row.is_enabled == is_enabled:
        return
    row.is_enabled = is_enabled
    row.save(update_fields=["is_enabled", "updated_at"])
    audit.record(
        "identity_provider.updated",
        actor=actor,
        target=row,
        before={"is_enabled": not is_enabled},
        after={"is_enabled": is_enabled},
    )


@transaction.atomic
def delete_identity_provider(*, actor: User | None, provider: IdentityProvider, people: int) -> None:
    """Forget a provider, whom it knew, and the roles its claims gave; `people` is how many the actor was told of."""
    rules.lock_roles()
    row = _lock(provider)
    rules.ask_provider(actor, row)
    connected = Identity.objects.filter(provider=row).count()
    if connected != people:
        raise ValidationError(_("In the meantime the number of people has changed. Look again."), code="stale")
    before = {"slug": row.slug, **_facts(row), "people": connected}
    target_id, target_name = str(row.public_id), row.name
    identity_provider_leaving.send(sender=IdentityProvider, provider=row, actor=actor)
    Identity.objects.filter(provider=row).delete()
    row.delete()
    audit.record(
        "identity_provider.deleted",
        actor=actor,
        target_type="accounts.identityprovider",
        target_id=target_id,
        target_name=target_name,
        before=before,
    )


def check_issuer(issuer: str, *, allow_private: bool) -> tuple[Metadata, int]:
    """What the provider at this issuer says of itself, and how many keys it signs with; raises OidcError."""
    # A server may be silent for a while, and a connection held meanwhile is one that pages lack.
    close_connections()
    return async_to_sync(look)(Place(issuer, allow_private))


def note_trouble(provider: IdentityProvider, trouble: str) -> None:
    """Keep how the last call to it ended; written only where that differs."""
    if provider.trouble != trouble[:500]:
        IdentityProvider.objects.filter(pk=provider.pk).update(trouble=trouble[:500])
        provider.trouble = trouble[:500]


def _check_issuer(provider: IdentityProvider) -> None:
    try:
        # Unlike an endpoint, it has no query.
        outbound.check_url(provider.issuer, allow_private=provider.allow_private)
        check_address(provider.issuer, allow_private=provider.allow_private)
    except outbound.OutboundRefused as refusal:
        raise ValidationError({"issuer": str(refusal)}) from refusal


def _sealed(provider: IdentityProvider, secret: str) -> bytes | None:
    return crypto.seal(secret.encode(), context=seal_context(provider)) if secret else None


def _lock(provider: IdentityProvider) -> IdentityProvider:
    found = IdentityProvider.objects.select_for_update().filter(pk=provider.pk).first()
    if found is None:
        raise ValidationError(_("This provider was deleted in the meantime."))
    return found


def _facts(provider: IdentityProvider) -> dict[str, Any]:
    """What the trail says of a provider; of its secret only that there is one."""
    facts = {name: getattr(provider, name) for name in FIELDS}
    return {**facts, "secret": audit.MASK if provider.sealed_secret else ""}
