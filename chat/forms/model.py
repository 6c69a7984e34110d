"""What people send about a model."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat.actions.model import ModelFacts
from chat.forms.audience import AudienceForm
from chat.forms.parameters import ParametersForm
from chat.models import Model
from ui.forms import CharField

LEAST_CONTEXT, MOST_CONTEXT = 256, 100_000_000


class PriceField(forms.DecimalField):
    """Money for a million tokens; empty where nobody knows."""

    default_error_messages = {"min_value": gettext_lazy("A price is 0 or more.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=Decimal(0), max_digits=12, decimal_places=4, required=False, **kwargs)


class ModelForm(AudienceForm, ParametersForm):
    """What people see of a model, whom it is for, and what it costs."""

    label = CharField(
        label=gettext_lazy("Name for people"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("What the chooser shows. Empty shows the name its server gives it."),
    )
    is_enabled = forms.BooleanField(label=gettext_lazy("Offered for conversations"), required=False)
    context_tokens = forms.IntegerField(
        label=gettext_lazy("Context size"),
        min_value=LEAST_CONTEXT,
        max_value=MOST_CONTEXT,
        required=False,
        help_text=gettext_lazy(
            "How many tokens it reads and writes in all, from 256 on. Long conversations are fitted to it. "
            "Empty where nobody knows."
        ),
        error_messages={
            "min_value": gettext_lazy("A model reads at least %(limit_value)s tokens. Leave it empty if nobody knows.")
        },
    )
    price_in = PriceField(
        label=gettext_lazy("Price in"),
        help_text=gettext_lazy("For a million tokens that it reads. Empty where nobody knows."),
    )
    price_out = PriceField(
        label=gettext_lazy("Price out"), help_text=gettext_lazy("For a million tokens that it writes.")
    )

    def __init__(self, *args: Any, model: Model, **kwargs: Any) -> None:
        initial = {
            "label": model.label,
            "is_enabled": model.is_enabled,
            "context_tokens": model.context_tokens,
            "price_in": _plain(model.price_in),
            "price_out": _plain(model.price_out),
        }
        super().__init__(*args, audience=model, parameters=model.parameters, initial=initial, **kwargs)
        self.fields["label"].widget.attrs["placeholder"] = model.name

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        prices = [data.get(name) for name in ("price_in", "price_out")]
        if {"price_in", "price_out"} <= data.keys() and prices.count(None) == 1:
            missing = "price_in" if prices[0] is None else "price_out"
            self.add_error(missing, _("Give both prices, 0 where one is free, or none."))
        return data

    def facts(self) -> ModelFacts:
        """What was sent, as the action takes it."""
        data = self.cleaned_data
        return ModelFacts(
            label=data["label"],
            is_enabled=data["is_enabled"],
            for_everybody=data["for_everybody"],
            role_ids=frozenset(role.pk for role in data["roles"]),
            parameters=self.cleaned_parameters(),
            context_tokens=data["context_tokens"],
            price_in=data["price_in"],
            price_out=data["price_out"],
        )


def _plain(price: Decimal | None) -> str:
    """Without the zeros that the column brings along."""
    return "" if price is None else f"{price.normalize():f}"
