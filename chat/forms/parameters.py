"""The fields by which parameters are set, for a model and for a conversation alike."""

from __future__ import annotations

from typing import Any

from django import forms

from chat.parameters import PARAMETERS, Parameter, Parameters


class ParametersForm(forms.Form):
    """A field for each parameter, all of them empty where nothing is set; to be mixed into other forms."""

    def __init__(self, *args: Any, parameters: Parameters | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in PARAMETERS:
            self.fields[parameter.name] = _field(parameter)
            self.initial.setdefault(parameter.name, (parameters or {}).get(parameter.name))

    @property
    def parameter_fields(self) -> list[forms.BoundField]:
        return [self[parameter.name] for parameter in PARAMETERS]

    def cleaned_parameters(self) -> dict[str, float | int]:
        """What was set, as it is kept."""
        given = {parameter: self.cleaned_data.get(parameter.name) for parameter in PARAMETERS}
        return {
            parameter.name: int(value) if parameter.is_whole else float(value)
            for parameter, value in given.items()
            if value is not None
        }


def _field(parameter: Parameter) -> forms.Field:
    label, help_text = parameter.label, parameter.help
    if parameter.is_whole:
        least, most = int(parameter.least), int(parameter.most)
        return forms.IntegerField(label=label, help_text=help_text, min_value=least, max_value=most, required=False)
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        min_value=parameter.least,
        max_value=parameter.most,
        max_digits=5,
        decimal_places=3,
        required=False,
    )
