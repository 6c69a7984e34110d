"""What people send to say what is to go back, and which places of the preview they take."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_store import rollback
from settings_store.audit import SYSTEM
from settings_store.definitions import KEY_LENGTH
from settings_store.forms.audit import check_year
from settings_store.forms.proposal import ReasonForm
from settings_store.forms.setting import VERSION_LIMIT
from settings_store.holding import PLACES
from settings_store.realms import Realm, realm_of
from settings_store.reversal import Plan
from settings_store.rollback import MOST

_MINUTES = "%Y-%m-%dT%H:%M:%S"


def _moment_field(label: Any, help_text: Any = "") -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format=_MINUTES)
    return forms.DateTimeField(label=label, help_text=help_text, widget=widget, validators=[check_year])


class PlanForm(forms.Form):
    """One way to say what is to go back, of settings or of flags; `plan` works it out."""

    kind = ""

    def __init__(self, *args: Any, realm: Realm, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.realm = realm

    def plan(self, *, may_clear: bool, prints: bool = False) -> Plan:
        raise NotImplementedError


class MomentForm(PlanForm):
    """A whole environment, as it was at a moment."""

    kind = "moment"

    environment = forms.ChoiceField(label=gettext_lazy("Environment"))
    moment = _moment_field(gettext_lazy("As it was at"), gettext_lazy("In your time zone."))

    def __init__(self, *args: Any, realm: Realm, **kwargs: Any) -> None:
        super().__init__(*args, realm=realm, **kwargs)
        _choose(self.fields["environment"], _environments())

    def clean_moment(self) -> datetime:
        moment: datetime = self.cleaned_data["moment"]
        return _past(moment)

    def plan(self, *, may_clear: bool, prints: bool = False) -> Plan:
        return rollback.to_moment(
            self.cleaned_data["environment"],
            self.cleaned_data["moment"],
            realm=self.realm,
            may_clear=may_clear,
            prints=prints,
        )


class PersonForm(PlanForm):
    """Everything one person changed in a window."""

    kind = "person"

    person = forms.ChoiceField(label=gettext_lazy("Person"))
    since = _moment_field(gettext_lazy("From"))
    until = _moment_field(gettext_lazy("To"), gettext_lazy("In your time zone."))
    environment = forms.ChoiceField(label=gettext_lazy("Environment"), required=False)

    def __init__(self, *args: Any, realm: Realm, **kwargs: Any) -> None:
        super().__init__(*args, realm=realm, **kwargs)
        people = [(SYSTEM if pk is None else str(pk), name) for pk, name in rollback.people(realm)]
        _choose(self.fields["person"], people)
        _choose(self.fields["environment"], [("", _("every environment")), *_environments()])

    def clean_since(self) -> datetime:
        moment: datetime = self.cleaned_data["since"]
        return _past(moment)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until <= since:
            self.add_error("until", _("The end lies before the beginning."))
        return cleaned

    def plan(self, *, may_clear: bool, prints: bool = False) -> Plan:
        asked = self.cleaned_data
        person = None if asked["person"] == SYSTEM else int(asked["person"])
        return rollback.of_person(
            person,
            asked["since"],
            asked["until"],
            realm=self.realm,
            environment=asked["environment"],
            may_clear=may_clear,
            prints=prints,
        )


class VersionForm(PlanForm):
    """One setting or flag, back to one of its versions."""

    kind = "version"

    key = forms.CharField(max_length=KEY_LENGTH)
    environment = forms.ChoiceField()
    version = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT)

    def __init__(self, *args: Any, realm: Realm, **kwargs: Any) -> None:
        super().__init__(*args, realm=realm, **kwargs)
        _choose(self.fields["environment"], _environments())

    def plan(self, *, may_clear: bool, prints: bool = False) -> Plan:
        asked = self.cleaned_data
        key = self.realm.key(asked["key"])
        if realm_of(key) is not self.realm:
            return Plan([])
        return rollback.to_version(key, asked["environment"], asked["version"], may_clear=may_clear, prints=prints)


FORMS: dict[str, type[PlanForm]] = {form.kind: form for form in (MomentForm, PersonForm, VersionForm)}


class TakeForm(ReasonForm):
    """The lines of a preview that are taken, each by its place, and why."""

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.taken: list[str] = data.getlist("take")[: MOST + 1] if data is not None else []

    def clean(self) -> dict[str, Any]:
        if not self.taken:
            raise ValidationError(_("Tick what is to go back."))
        return super().clean() or {}


def _environments() -> list[tuple[str, str]]:
    return [(name, name.capitalize()) for name in PLACES]


def _choose(field: forms.Field, choices: list[tuple[str, str]]) -> None:
    if isinstance(field, forms.ChoiceField):
        field.choices = choices


def _past(moment: datetime) -> datetime:
    if moment > timezone.now():
        raise ValidationError(_("This time lies ahead."))
    return moment
