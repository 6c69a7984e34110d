"""What people send to change the rules of a flag in one environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_store.actions import Seen
from settings_store.definitions import near_names
from settings_store.flag import rules
from settings_store.flag.evaluation import WHOLE
from settings_store.flag.rules import OFF, Document, FlagType
from settings_store.flag.telling import Names
from settings_store.forms.audit import check_year
from settings_store.forms.flag_typing import Chosen, choose_people, variant_from, variants_from
from settings_store.forms.reason import reason_field
from settings_store.forms.setting import VERSION_LIMIT

# More than any rule allows, so that the rule's own sentence is the one that answers.
TEXT_LENGTH = 20_000


def _time_field(label: Any) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


def _adding(label: Any, suggested: str = "off") -> forms.CharField:
    attributes = {"autocomplete": suggested, "autocapitalize": "none", "spellcheck": "false"}
    return forms.CharField(label=label, required=False, max_length=TEXT_LENGTH, widget=forms.TextInput(attributes))


@dataclass(frozen=True)
class Around:
    """What the form has to know of the flag it is for."""

    key: str
    kind: FlagType
    # As it holds now.
    document: Document
    # Every flag of the environment by what it needs.
    needs: Mapping[str, list[str]]
    names: Names
    # Whoever fills it in.
    viewer: Any = field(repr=False)


class FlagRulesForm(forms.Form):
    """The rules of one flag in one environment, with the version they were read at, the reason and the time.

    People and flags are added by typing them and taken away by a button each; what was chosen travels in a hidden
    field, that of people signed, so that a number nobody was shown tells no name.
    """

    on = forms.BooleanField(
        label=gettext_lazy("On"), required=False, widget=forms.CheckboxInput(attrs={"role": "switch"})
    )
    starts = _time_field(gettext_lazy("From"))
    until = _time_field(gettext_lazy("Until"))
    needs_add = _adding(gettext_lazy("Depends on"))
    excluded_add = _adding(gettext_lazy("Excluded people"))
    people_add = _adding(gettext_lazy("People"))
    roles = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Roles"),
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": gettext_lazy("One of the roles chosen does not exist (any more).")},
    )
    share = forms.CharField(
        label=gettext_lazy("Share"),
        max_length=TEXT_LENGTH,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Write a percentage from 0 to 100, such as 12.5.")},
    )
    variants = forms.CharField(label=gettext_lazy("Variants"), required=False)
    reason = reason_field()
    apply_at = _time_field(gettext_lazy("When"))
    version = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT, widget=forms.HiddenInput)
    # That of the default rules, which hold where the environment has none of its own.
    common = forms.IntegerField(min_value=0, max_value=VERSION_LIMIT, widget=forms.HiddenInput, required=False)

    def __init__(self, around: Around, data: QueryDict | None = None, *, initial: Document, seen: Seen) -> None:
        super().__init__(data, initial=_initial(initial) | {"version": seen.own, "common": seen.common})
        self.around, self.start = around, initial
        zone = {"zone": timezone.get_current_timezone_name()}
        self.fields["until"].help_text = _("In your time zone, %(zone)s. Left empty, there is no bound.") % zone
        self.fields["apply_at"].help_text = (
            _("In your time zone, %(zone)s. Left empty, it counts at once; with a time, it is scheduled.") % zone
        )
        gone = [
            pk for pk in dict.fromkeys([*around.document["roles"], *initial["roles"]]) if pk not in self.roles_known
        ]
        choices = [(pk, around.names.role(pk)) for pk in (*self.roles_known, *gone)]
        self.fields["roles"].choices = choices  # type: ignore[attr-defined]  # of this field alone

    @property
    def roles_known(self) -> Mapping[int, str]:
        return self.around.names.roles

    @property
    def document(self) -> Document:
        """The rules as they were sent; ask only a valid form."""
        found: Document = self.cleaned_data["document"]
        return found

    @property
    def seen(self) -> Seen:
        """The versions that were read when it was opened; ask only where these fields hold no error."""
        return Seen(self.cleaned_data["version"], self.cleaned_data["common"] or 0)

    @property
    def names_in_vain(self) -> bool:
        """Whether somebody is named although everybody gets it."""
        try:
            is_whole = rules.points(str(self["share"].value() or "")) == WHOLE
        except ValidationError:
            return False
        return is_whole and bool(self.people.pks or self["roles"].value())

    @cached_property
    def people(self) -> Chosen:
        return choose_people(self._query, "people", self.start["people"], self.around.viewer)

    @cached_property
    def excluded(self) -> Chosen:
        return choose_people(self._query, "excluded", self.start["excluded"], self.around.viewer)

    @cached_property
    def needs(self) -> list[str]:
        """The flags it depends on, those typed just now too."""
        if self._query is None:
            return list(self.start["needs"])
        given = f"{self._query.get('needs', '')},{self._query.get('needs_add', '')}"[:TEXT_LENGTH]
        dropped = self._query.getlist("drop_needs")
        return [name for name in dict.fromkeys(given.replace(",", " ").split()) if name not in dropped]

    @cached_property
    def needs_known(self) -> list[str]:
        return [name for name in self.needs if name in self.around.needs and name != self.around.key]

    @property
    def needs_typed(self) -> str:
        """What was typed and is no flag, to be put right."""
        return " ".join(name for name in self.needs if name not in self.needs_known)

    @property
    def offered_needs(self) -> list[str]:
        return [name for name in self.around.needs if name != self.around.key and name not in self.needs]

    @cached_property
    def variant_rows(self) -> list[dict[str, str]]:
        """The variants as texts, with a few empty rows after them."""
        if self.around.kind is FlagType.BOOLEAN:
            return []
        return variants_from(self._query, self.start["variants"], self.around.kind)

    @property
    def weights_total(self) -> str:
        """What the weights add up to so far; nothing where one of them is no percentage."""
        try:
            total = sum(rules.points(row["weight"]) for row in self.variant_rows if row["weight"].strip())
        except ValidationError:
            return ""
        return rules.per_cent(total)

    def write(self, **texts: str) -> None:
        """Put these in the place of what was sent."""
        sent = QueryDict(mutable=True)
        sent.update(self.data)
        for name, text in texts.items():
            sent[name] = text
        self.data = sent

    def keep_errors(self, *names: str) -> None:
        """Say only what is wrong with these fields: somebody is not done with the others yet."""
        for name in set(self.errors) - set(names):
            del self.errors[name]

    def clean_starts(self) -> str | None:
        return self._time("starts")

    def clean_until(self) -> str | None:
        return self._time("until")

    def clean_needs_add(self) -> list[str]:
        for name in self.needs:
            if name == self.around.key:
                raise ValidationError(_("A flag cannot depend on itself."))
            if name not in self.around.needs:
                words = _("There is no flag %(key)s.") % {"key": repr(name[: rules.KEY_LENGTH])}
                raise ValidationError(words + near_names(name, self.around.needs))
        needs = dict(self.around.needs) | {self.around.key: self.needs}
        if way := rules.circle(self.around.key, lambda key: needs.get(key, [])):
            words = _("The flags would depend on each other in a circle: %(way)s.")
            raise ValidationError(words % {"way": " → ".join(way)})
        found: list[str] = self._alone("needs", self.needs)
        return found

    def clean_excluded_add(self) -> list[int]:
        found: list[int] = self._alone("excluded", self.excluded.checked)
        if both := set(found) & set(self.people.pks):
            name = self.people.known[min(both)].name if min(both) in self.people.known else f"#{min(both)}"
            raise ValidationError(_("%(name)s is both excluded and named. Take one of the two away.") % {"name": name})
        return found

    def clean_people_add(self) -> list[int]:
        found: list[int] = self._alone("people", self.people.checked)
        return found

    def clean_roles(self) -> list[int]:
        found: list[int] = self._alone("roles", [int(pk) for pk in self.cleaned_data["roles"]])
        return found

    def clean_share(self) -> int:
        return rules.points(self.cleaned_data["share"])

    def clean_variants(self) -> list[Document]:
        given = [
            variant_from(row, self.around.kind)
            for row in self.variant_rows
            if any(text.strip() for text in row.values())
        ]
        found: list[Document] = self._alone("variants", given)
        if self.cleaned_data.get("on") and self.around.kind is not FlagType.BOOLEAN and not found:
            raise ValidationError(_("Give it a variant before it is switched on."))
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, rule in (("starts", "from"), ("until", "until")):
            if name in self.errors and self.data.get(name) == _local(self.around.document[rule]) != "":
                # Saved already, in the hour that comes twice when clocks go back, which nobody can write.
                del self.errors[name]
                cleaned[name] = self.around.document[rule]
        bounds = {"from": cleaned.get("starts"), "until": cleaned.get("until")}
        if "starts" not in self.errors and "until" not in self.errors:
            try:
                rules.check(OFF | bounds, self.around.kind)
            except ValidationError as error:
                self.add_error("starts", error)
        if not self.errors.keys() - {"reason", "apply_at", "version", "common"}:
            names = {"excluded": "excluded_add", "people": "people_add", "needs": "needs_add"}
            every = {name: cleaned[names.get(name, name)] for name in OFF.keys() - bounds.keys()}
            cleaned["document"] = rules.check(every | bounds, self.around.kind)
        return cleaned

    @property
    def _query(self) -> QueryDict | None:
        return self.data if isinstance(self.data, QueryDict) and self.is_bound else None

    def _time(self, name: str) -> str | None:
        found: datetime | None = self.cleaned_data[name]
        if found is not None:
            check_year(found)
        return rules.time_text(found)

    def _alone(self, rule: str, given: Any) -> Any:
        """What is given for one rule as it is kept; raises the sentence about this rule alone."""
        return rules.check(OFF | {rule: given}, self.around.kind)[rule]


def _initial(document: Document) -> dict[str, Any]:
    return {
        "on": document["on"],
        "starts": _local(document["from"]),
        "until": _local(document["until"]),
        "roles": document["roles"],
        "share": rules.per_cent(document["share"]).removesuffix(" %"),
    }


def _local(text: str | None) -> str:
    """A time as the field has it, to the second only where it has some."""
    found = rules.moment(text)
    if found is None:
        return ""
    return timezone.localtime(found).strftime("%Y-%m-%dT%H:%M:%S").removesuffix(":00")
