"""Model servers and the models found on them."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat.models.audience import Audience, AudienceQuerySet


class Provider(models.Model):
    """A server that speaks the OpenAI wire format; its key is sealed and never leaves but in the call to it."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    # The name without regard to case, which databases compare each in their own way.
    name_key = models.CharField(max_length=80, unique=True, editable=False)
    base_url = models.URLField(
        _("base URL"),
        max_length=300,
        help_text=_("Up to and with /v1, for example http://127.0.0.1:11434/v1"),
    )
    sealed_key = models.BinaryField(_("API key"), null=True, blank=True, editable=False)
    # Paused servers keep all they are; nobody begins an answer with one.
    is_enabled = models.BooleanField(_("enabled"), default=True)
    # Seconds without a sign of life, and answers at one moment; NULL is what the settings say, and any number.
    silence_seconds = models.PositiveIntegerField(_("patience"), null=True, blank=True)
    parallel_limit = models.PositiveSmallIntegerField(_("answers at one moment"), null=True, blank=True)
    # The small model that comes along; pages say "demo model" so that nobody judges the house by its answers.
    is_demo = models.BooleanField(_("demo model"), default=False, editable=False)
    # Loopback and private networks are reached only where somebody who may said so (see settings_store.outbound).
    allow_private = models.BooleanField(_("may be on this machine or a private network"), default=False)
    checked_at = models.DateTimeField(_("last checked"), null=True, blank=True, editable=False)
    # One sentence saying why the last check failed; empty when it succeeded.
    trouble = models.CharField(_("trouble"), max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")

    def __str__(self) -> str:
        return self.name


class HealthSample(models.Model):
    """How a server did in one stretch of time: of checks and of answers alike; kept for about a day."""

    provider = models.ForeignKey(Provider, models.CASCADE, related_name="health", verbose_name=_("provider"))
    # When the stretch began (see chat.health).
    began_at = models.DateTimeField(_("began"))
    succeeded = models.PositiveIntegerField(_("succeeded"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    # The slowest sign of life among those that succeeded.
    slowest_ms = models.PositiveIntegerField(_("slowest first token (ms)"), default=0)

    class Meta:
        verbose_name = _("health of a provider")
        verbose_name_plural = _("health of providers")
        constraints = [models.UniqueConstraint(fields=["provider", "began_at"], name="health_provider_began")]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.began_at}"


class ModelQuerySet(AudienceQuerySet["Model"]):
    def usable(self) -> Self:
        """Those that conversations may be held with now, by whomever."""
        return self.filter(is_enabled=True, is_present=True, provider__is_enabled=True).select_related("provider")

    def usable_by(self, user: User) -> Self:
        """Those of them that are for this person; whoever decides that may use all."""
        return self.usable() if user.has_perm("models.write") else self.usable().open_to(user)


class Model(Audience):
    """A model as its server lists it; kept when it vanishes there, since old answers name it."""

    public_id = models.UUIDField(_("public id"), unique=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(Provider, models.CASCADE, related_name="models", verbose_name=_("provider"))
    # How its server spells it; people read the label where there is one.
    name = models.CharField(_("name"), max_length=200)
    label = models.CharField(_("name for people"), max_length=80, blank=True)
    position = models.PositiveIntegerField(_("place in lists"), default=0)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_present = models.BooleanField(_("found at the last check"), default=True)
    # What is asked of it where a conversation says nothing else (see chat.parameters).
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    # How much it reads and writes in all; NULL where nobody knows.
    context_tokens = models.PositiveIntegerField(_("context size"), null=True, blank=True)
    # Money for a million tokens, in the currency of the house; NULL where nobody knows.
    price_in = models.DecimalField(_("price in"), max_digits=12, decimal_places=4, null=True, blank=True)
    price_out = models.DecimalField(_("price out"), max_digits=12, decimal_places=4, null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = ModelQuerySet.as_manager()

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="model_provider_name")]

    def __str__(self) -> str:
        return self.label or self.name

    def cost(self, tokens_in: int | None, tokens_out: int | None) -> Decimal | None:
        """What so many tokens cost, in the currency of the house; None where a price or a count is not known."""
        if self.price_in is None or self.price_out is None or tokens_in is None or tokens_out is None:
            return None
        return (self.price_in * tokens_in + self.price_out * tokens_out) / 1_000_000
