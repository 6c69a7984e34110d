"""What people send about roles, cleaned; whether they may is for the actions to say."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from rbac.backend import ranked
from rbac.forms.fields import LineField, PermissionsField, RoleChoice
from rbac.models import Role
from rbac.role_map import current_role_map
from rbac.roles.edit import Edit
from rbac.rules import reach_in_words, role_refusal
from rbac.system_roles import BY_KEY
from ui.forms import CharField


class RoleForm(forms.Form):
    """Details and own permissions of a role; those of a system role that cannot change are not asked for."""

    name = LineField(label=_("Name"), max_length=60)
    description = LineField(label=_("Description"), max_length=300, required=False)
    priority = forms.IntegerField(
        label=_("Priority"),
        min_value=1,
        max_value=1000,
        initial=10,
    )
    parent = RoleChoice(
        Role.objects.none(),
        label=_("Inherits from"),
        required=False,
        empty_label=_("no other role"),
        help_text=_("What that role may do, this one may do too."),
        error_messages={"invalid_choice": _("There is no such role any more. Choose another one.")},
    )
    requires_factor = forms.BooleanField(label=_("Asks for a second factor"), required=False)
    permissions = PermissionsField(label=_("Permissions"), required=False, choices=())
    # The edition of the role that its editor saw.
    version = forms.IntegerField(
        required=False,
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid"), _("This does not say which state of the role you saw. Open the page anew.")
        ),
    )

    def __init__(
        self, data: Any = None, *, actor: User, role: Role | None = None, initial: dict[str, Any] | None = None
    ) -> None:
        self.actor, self.role, self.roles = actor, role, current_role_map()
        first: dict[str, Any] = {}
        if role is not None:
            first = {
                "name": role.name,
                "description": role.description,
                "priority": role.priority,
                "parent": role.parent_id,
                "requires_factor": role.requires_factor,
                "permissions": self.roles.own.get(role.pk, frozenset()),
                "version": role.version,
            }
        super().__init__(data, initial=first | (initial or {}))
        self.fields["priority"].help_text = _(
            "People give and change only roles below their own priority. %(reach)s Admin has 100, User 40, Guest 10."
        ) % {"reach": reach_in_words(actor)}
        self.fields["requires_factor"].help_text = self._what_asking_does()
        self.fields["version"].required = role is not None
        parents = Role.objects.by_rank()
        self.fields["parent"].queryset = parents  # type: ignore[attr-defined]  # Field's own type knows no queryset
        # Those that would close a circle are not offered; sent all the same, they get a sentence of their own.
        offered = [(each.pk, each.name) for each in parents if each.pk not in self._own_line]
        self.fields["parent"].choices = [("", _("no other role")), *offered]  # type: ignore[attr-defined]
        self.fields["permissions"].choices = [  # type: ignore[attr-defined]  # nor choices
            (name, permission.label) for name, permission in self.roles.known.items()
        ]
        if role is not None and role.is_system:
            for name in ("name", "priority", "parent"):
                self.fields[name].disabled = True

    @classmethod
    def typed(cls, data: Any, *, actor: User, role: Role | None = None) -> RoleForm:
        """What was typed so far, shown again without a judgement."""
        fixed = {"name", "priority", "parent"} if role is not None and role.is_system else set[str]()
        typed = {name: data.get(name, "") for name in cls.base_fields if name not in fixed}
        typed["requires_factor"] = "requires_factor" in data
        typed["permissions"] = data.getlist("permissions")
        return cls(actor=actor, role=role, initial=typed)

    @property
    def _own_line(self) -> set[int]:
        return {self.role.pk} | self.roles.descendants(self.role.pk) if self.role is not None else set()

    @property
    def chosen(self) -> Collection[str]:
        """The permissions that are ticked."""
        value: Collection[str] = self["permissions"].value() or ()
        return value

    @property
    def chosen_parent(self) -> Role | None:
        """The parent that is chosen, where it is one that there is."""
        try:
            parent: Role | None = self.fields["parent"].clean(self["parent"].value())
        except ValidationError:
            return None
        return parent if parent is None or parent.pk not in self._own_line else None

    def edit(self) -> Edit:
        """What the role is to be, of a form that is valid."""
        return Edit(**{name: value for name, value in self.cleaned_data.items() if name != "version"})

    def _what_asking_does(self) -> str:
        words = [
            _("Whoever holds it, or a role that inherits from it, opens nothing before a second factor was given.")
        ]
        if self._own_line & ranked(self.actor).role_ids:
            words.append(
                _("That is you too: unless this session has seen yours, you are asked for it at your next page.")
            )
        return " ".join(map(str, words))

    def clean_priority(self) -> int:
        priority: int = self.cleaned_data["priority"]
        if refusal := role_refusal(self.actor, priority):
            raise ValidationError(refusal)
        return priority

    def clean_parent(self) -> Role | None:
        parent: Role | None = self.cleaned_data["parent"]
        if parent is not None and parent.pk in self._own_line:
            raise ValidationError(_("A role cannot inherit from itself, nor from one that inherits from it."))
        return parent

    def clean_permissions(self) -> frozenset[str]:
        chosen = frozenset(self.cleaned_data["permissions"])
        # Locked boxes are not sent by browsers.
        if self.role is not None and self.role.system_key:
            chosen |= BY_KEY[self.role.system_key].core(self.roles.known)
        return chosen


class RoleDeleteForm(forms.Form):
    """What cannot be undone asks for the name."""

    confirm = CharField(label=_("Name of the role"), max_length=200)

    def __init__(self, data: Any = None, *, role: Role) -> None:
        super().__init__(data)
        self.role = role
        self.fields["confirm"].widget.attrs.update({"data-confirm": role.name, "autocomplete": "off"})

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed != self.role.name:
            raise ValidationError(_("Type “%(name)s” to confirm."), params={"name": self.role.name})
        return typed
