"""Changes of the models found on servers: whether they are offered, to whom, at what price and in which order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.names import normalised
from chat.choices import CHOOSER_ORDER
from chat.models import Model, Provider
from chat.parameters import Parameters
from rbac.models import Role
from settings_store import audit


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """All that people may say of a model; its name and whether it is there are its server's to say."""

    label: str
    is_enabled: bool
    for_everybody: bool
    role_ids: frozenset[int]
    parameters: Parameters
    context_tokens: int | None
    price_in: Decimal | None
    price_out: Decimal | None


@transaction.atomic
def update_model(*, actor: User | None, model: Model, facts: ModelFacts) -> None:
    """Change a model; raises ValidationError where its name is taken, or where it or a role is gone."""
    # What is for everybody names no role, so that nothing forgotten comes to count when it is for everybody no more.
    wanted = frozenset() if facts.for_everybody else facts.role_ids
    roles = list(Role.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
    if len(roles) != len(wanted):
        raise ValidationError({"roles": _("One of these roles is no longer there. Choose again.")})
    if facts.label:
        # All of them, so that of two who give one name at once the second is told.
        list(Model.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
    model = _lock(model)
    _check_label(model, facts.label)
    before = _facts(model)
    model.label, model.is_enabled = facts.label, facts.is_enabled
    model.for_everybody, model.parameters = facts.for_everybody, dict(facts.parameters)
    model.context_tokens, model.price_in, model.price_out = facts.context_tokens, facts.price_in, facts.price_out
    model.save(
        update_fields=[
            "label",
            "is_enabled",
            "for_everybody",
            "parameters",
            "context_tokens",
            "price_in",
            "price_out",
        ]
    )
    model.roles.set(roles)
    after = _facts(model)
    if before != after:
        audit.record("model.updated", actor=actor, target=model, **audit.changes(before, after))


@transaction.atomic
def set_model_enabled(*, actor: User | None, model: Model, is_enabled: bool) -> None:
    """Let conversations use this model, or not."""
    model = _lock(model)
    if model.is_enabled == is_enabled:
        return
    model.is_enabled = is_enabled
    model.save(update_fields=["is_enabled"])
    audit.record(
        "model.updated",
        actor=actor,
        target=model,
        before={"is_enabled": not is_enabled},
        after={"is_enabled": is_enabled},
    )


@transaction.atomic
def set_models_enabled(*, actor: User | None, provider: Provider, models: Collection[Model], is_enabled: bool) -> int:
    """Let conversations use these models of one server, or not; returns for how many that is a change."""
    if not Provider.objects.select_for_update().filter(pk=provider.pk).exists():
        raise ValidationError(_("This server was deleted in the meantime."))
    wanted = provider.models.filter(pk__in=[model.pk for model in models]).exclude(is_enabled=is_enabled)
    changed = list(wanted.select_for_update().order_by("pk"))
    if not changed:
        return 0
    provider.models.filter(pk__in=[model.pk for model in changed]).update(is_enabled=is_enabled)
    audit.record(
        "provider.models_offered" if is_enabled else "provider.models_withdrawn",
        actor=actor,
        target=provider,
        after={"models": sorted(model.name for model in changed)},
    )
    return len(changed)


@transaction.atomic
def move_model(*, actor: User | None, model: Model, before: Model | None) -> None:
    """Put a model right before another one in the chooser, or last where that is None; twice is once.

    All models are numbered anew, so that two who move at once each find a whole order.
    """
    known = {each.pk: each for each in Model.objects.select_for_update().order_by("pk")}
    places = list(Model.objects.order_by(*CHOOSER_ORDER).values_list("pk", flat=True))
    if model.pk not in known or (before is not None and before.pk not in known):
        raise ValidationError(_("This model was deleted in the meantime."))
    if before is not None and before.pk == model.pk:
        return
    moved = [pk for pk in places if pk != model.pk]
    moved.insert(len(moved) if before is None else moved.index(before.pk), model.pk)
    if moved == places:
        return
    for number, pk in enumerate(moved, start=1):
        known[pk].position = number
    Model.objects.bulk_update(known.values(), ["position"], batch_size=500)
    was, now = {"place": places.index(model.pk) + 1}, {"place": moved.index(model.pk) + 1}
    audit.record("model.moved", actor=actor, target=known[model.pk], before=was, after=now)


def _check_label(model: Model, label: str) -> None:
    """Two models under one name could not be told apart in the chooser."""
    if not label or label == model.label:
        return
    others = Model.objects.exclude(pk=model.pk).values_list("label", "name")
    if normalised(label) in {normalised(each or name) for each, name in others}:
        raise ValidationError({"label": _("Another model has this name.")})


def _lock(model: Model) -> Model:
    found = Model.objects.select_for_update().filter(pk=model.pk).first()
    if found is None:
        raise ValidationError(_("This model was deleted in the meantime."))
    return found


def _facts(model: Model) -> dict[str, Any]:
    """What the trail says of a model."""
    return {
        "label": model.label,
        "is_enabled": model.is_enabled,
        "for_everybody": model.for_everybody,
        "roles": sorted(model.roles.values_list("name", flat=True)),
        "parameters": dict(model.parameters),
        "context_tokens": model.context_tokens,
        "price_in": _money(model.price_in),
        "price_out": _money(model.price_out),
    }


def _money(price: Decimal | None) -> str | None:
    return None if price is None else f"{price.normalize():f}"
