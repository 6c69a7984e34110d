"""Changes of model servers and what checks find on them. A key is sealed here and opened here, nowhere else."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from yarl import URL

from accounts.models import User
from chat.llm import Endpoint
from chat.models import Model, Provider
from chat.names import name_key
from settings_store import audit, crypto, outbound


def endpoint_of(provider: Provider) -> Endpoint:
    """Where and with which key to call it. Raises crypto.CannotOpen where the key is sealed elsewhere or damaged."""
    key = ""
    if provider.sealed_key:
        key = crypto.open_sealed(bytes(provider.sealed_key), context=seal_context(provider)).decode()
    return Endpoint(base_url=provider.base_url, key=key, allow_private=provider.allow_private)


@transaction.atomic
def create_provider(
    *,
    actor: User | None,
    name: str,
    base_url: str,
    key: str = "",
    allow_private: bool = False,
    silence_seconds: int | None = None,
    parallel_limit: int | None = None,
    is_demo: bool = False,
) -> Provider:
    """A new model server, whose models are found by its first check.

    Raises ValidationError where the name is taken or the address may not be called.
    """
    check_address(base_url, allow_private=allow_private)
    check_private(actor, None, base_url, allow_private=allow_private)
    provider = Provider(
        name=name,
        name_key=name_key(name),
        base_url=base_url,
        allow_private=allow_private,
        silence_seconds=silence_seconds,
        parallel_limit=parallel_limit,
        is_demo=is_demo,
    )
    _seal_key(provider, key)
    _save(provider, created=True)
    after = {name: value for name, value in _facts(provider).items() if value is not None}
    audit.record("provider.created", actor=actor, target=provider, after=after)
    return provider


@transaction.atomic
def update_provider(
    *,
    actor: User | None,
    provider: Provider,
    name: str,
    base_url: str,
    key: str = "",
    remove_key: bool = False,
    allow_private: bool,
    silence_seconds: int | None = None,
    parallel_limit: int | None = None,
) -> None:
    """Change a server; an empty `key` keeps the one it has.

    Raises ValidationError where the address changes and the kept key would be sent there: whoever may edit a server
    could otherwise read its key at an address of their own, be it a path of theirs on the same host.
    """
    check_address(base_url, allow_private=allow_private)
    provider = _lock(provider)
    before = _facts(provider)
    check_private(actor, provider, base_url, allow_private=allow_private)
    if not key and not remove_key:
        check_receiver(provider, base_url)
    provider.name, provider.name_key = name, name_key(name)
    provider.base_url, provider.allow_private = base_url, allow_private
    provider.silence_seconds, provider.parallel_limit = silence_seconds, parallel_limit
    key_changes = bool(key) or (remove_key and provider.sealed_key is not None)
    if key_changes:
        _seal_key(provider, key)
    after = _facts(provider)
    if before == after and not key_changes:
        return
    _save(provider)
    changes = audit.changes(before, after, also=("key",) if key_changes else ())
    audit.record("provider.updated", actor=actor, target=provider, **changes)


@transaction.atomic
def set_provider_enabled(*, actor: User | None, provider: Provider, is_enabled: bool) -> None:
    """Let conversations use this server, or not; answers under way are finished."""
    provider = _lock(provider)
    if provider.is_enabled == is_enabled:
        return
    provider.is_enabled = is_enabled
    provider.save(update_fields=["is_enabled", "updated_at"])
    audit.record(
        "provider.updated",
        actor=actor,
        target=provider,
        before={"is_enabled": not is_enabled},
        after={"is_enabled": is_enabled},
    )


@transaction.atomic
def delete_provider(*, actor: User | None, provider: Provider) -> None:
    """Forget a server, its key and its models; answers already given keep the name of theirs."""
    provider = _lock(provider)
    before = _facts(provider) | {"models": list(provider.models.order_by("name").values_list("name", flat=True))}
    # Kept as it was, so that the trail can still name what is gone.
    target_id, target_name = str(provider.public_id), provider.name
    provider.delete()
    audit.record(
        "provider.deleted",
        actor=actor,
        target_type="chat.provider",
        target_id=target_id,
        target_name=target_name,
        before=before,
    )


@transaction.atomic
def record_check(
    *,
    actor: User | None,
    provider: Provider,
    found: Collection[str] | None,
    trouble: str = "",
    offer_new: bool = True,
) -> None:
    """What a check of the server gave: the names of its models, or None and one sentence of `trouble`.

    A check that nobody asked for goes into the trail only where it brings something new. Models that it finds on a
    server that had some are offered only with `offer_new`: what costs money is not opened to all by itself.
    """
    provider = _lock(provider)
    before = provider.trouble
    added, gone = ([], []) if found is None else _note_models(provider, found, offer_new=offer_new)
    provider.checked_at, provider.trouble = timezone.now(), trouble[:300]
    provider.save(update_fields=["checked_at", "trouble"])
    if actor is None and before == provider.trouble and not added and not gone:
        return
    audit.record(
        "provider.checked",
        actor=actor,
        target=provider,
        after={"trouble": provider.trouble} if provider.trouble else {"added": added, "gone": gone},
    )


def register_local_model(*, base_url: str, key: str, models: Collection[str] = ()) -> Provider:
    """The small model that comes along, at the address and with the key of this start; nobody's act but the system's.

    `models` are the names it answers to, so that Chat can offer them while it is still loading.
    """
    provider = Provider.objects.filter(is_demo=True).first()
    if provider is None:
        name = _("Local model")
        taken = Provider.objects.filter(name_key=name_key(name)).exists()
        provider = create_provider(
            actor=None,
            name=_("Local model (demo)") if taken else name,
            base_url=base_url,
            key=key,
            allow_private=True,
            is_demo=True,
        )
    else:
        update_provider(
            actor=None,
            provider=provider,
            name=provider.name,
            base_url=base_url,
            key="" if _has_key(provider, key) else key,
            allow_private=True,
            silence_seconds=provider.silence_seconds,
            parallel_limit=provider.parallel_limit,
        )
    if models:
        record_check(actor=None, provider=provider, found=models)
    return Provider.objects.get(pk=provider.pk)


def _receiver(url: str) -> tuple[str, str | None, int | None, str]:
    """What decides who receives a key: on one host each tenant may have a path of their own."""
    parsed = URL(url)
    return parsed.scheme, parsed.host, parsed.port, parsed.raw_path_qs.rstrip("/")


def check_private(actor: User | None, provider: Provider | None, url: str, *, allow_private: bool) -> None:
    """Refuse somebody who may not let the house into private networks, or point what is let in there elsewhere."""
    if not allow_private or actor is None or actor.has_perm("models.private"):
        return
    if provider is None or not provider.allow_private or provider.base_url != url:
        raise ValidationError(
            {"allow_private": _("Servers on this machine or in private networks need the permission models:private.")}
        )


def check_address(url: str, *, allow_private: bool) -> None:
    """Raises ValidationError where the house never calls this address."""
    try:
        outbound.check_url(url, allow_private=allow_private)
    except outbound.OutboundRefused as refusal:
        raise ValidationError({"base_url": str(refusal)}) from refusal


def check_receiver(provider: Provider, base_url: str) -> None:
    """Raises ValidationError where the key kept for a server would go somewhere else."""
    if provider.sealed_key and _receiver(base_url) != _receiver(provider.base_url):
        raise ValidationError({"key": _("This is another address. Give its key, or remove the one kept.")})


def _note_models(provider: Provider, found: Collection[str], *, offer_new: bool) -> tuple[list[str], list[str]]:
    """Bring the models of `provider` in line with `found`; returns the names that came and those that went."""
    names = list(dict.fromkeys(found))
    known = {model.name: model for model in provider.models.all()}
    added = [name for name in names if name not in known or not known[name].is_present]
    new = [name for name in names if name not in known]
    gone = sorted(name for name, model in known.items() if model.is_present and name not in names)
    if new:
        # Where somebody has put the models in an order, new ones come after it.
        last = Model.objects.aggregate(last=Max("position"))["last"] or 0
        place, offered = last + 1 if last else 0, offer_new or not known
        Model.objects.bulk_create(
            Model(provider=provider, name=name, position=place, is_enabled=offered) for name in new
        )
    provider.models.filter(name__in=added).update(is_present=True)
    provider.models.filter(name__in=gone).update(is_present=False)
    return added, gone


def _lock(provider: Provider) -> Provider:
    found = Provider.objects.select_for_update().filter(pk=provider.pk).first()
    if found is None:
        raise ValidationError(_("This server was deleted in the meantime."))
    return found


def _save(provider: Provider, *, created: bool = False) -> None:
    fields = ["name", "name_key", "base_url", "sealed_key", "allow_private", "silence_seconds", "parallel_limit"]
    try:
        with transaction.atomic():
            provider.save(force_insert=created, update_fields=None if created else [*fields, "updated_at"])
    except IntegrityError as error:
        raise ValidationError({"name": _("Another server has this name.")}) from error


def seal_context(provider: Provider) -> str:
    """What the key of a server is bound to."""
    return f"chat.provider:{provider.public_id}"


def _seal_key(provider: Provider, key: str) -> None:
    provider.sealed_key = crypto.seal(key.encode(), context=seal_context(provider)) if key else None


def _has_key(provider: Provider, key: str) -> bool:
    try:
        return endpoint_of(provider).key == key
    except crypto.CannotOpen:
        return False


def _facts(provider: Provider) -> dict[str, str | bool | int | None]:
    """What the trail says of a server; of its key only that there is one."""
    return {
        "name": provider.name,
        "base_url": provider.base_url,
        "key": audit.MASK if provider.sealed_key else "",
        "allow_private": provider.allow_private,
        "silence_seconds": provider.silence_seconds,
        "parallel_limit": provider.parallel_limit,
    }
