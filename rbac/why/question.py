"""A question as people and programs ask it: about whom, and which act, page or object."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.names import normalised
from rbac import directory
from rbac.backend import RoleBackend
from rbac.forms.fields import LineField
from rbac.role_map import RoleMap, current_role_map
from rbac.why.kinds import Kind, kinds
from ui.guard import Access, declared_access
from ui.registry import Permission

# What is not there, or out of the sight of whoever asks: programs get 404 for it, and the two are never told apart.
ABSENT = "absent"
# So many permissions are offered for one that does not exist.
NEAR = 3


@dataclass(frozen=True, slots=True)
class Found:
    """An object in the sight of whoever asks."""

    kind: Kind
    row: Any

    @property
    def name(self) -> str:
        return f"{self.kind.name}:{self.row.public_id}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of this house, and what its route declares; None where it declares nothing and so opens to nobody."""

    path: str
    match: ResolverMatch
    access: Access | None


@dataclass(frozen=True, slots=True)
class Question:
    """May this person, read anew, use this permission, on this object, or open this page?"""

    asker: User
    person: User
    permission: Permission | None = None
    page: Asked | None = None
    object: Found | None = None
    # Whether the person is whom somebody acts as at this moment.
    acted: bool = False
    # Read once for all that is asked on the way.
    roles: RoleMap = field(default_factory=current_role_map)

    @property
    def is_own(self) -> bool:
        return self.asker.pk == self.person.pk


class ActForm(forms.Form):
    """An act, by its code or in the words of its label, and what it is to be done to."""

    permission = LineField(
        label=gettext_lazy("Permission"), max_length=200, required=False, help_text=gettext_lazy("Such as users:read.")
    )
    object = LineField(label=gettext_lazy("On"), max_length=500, required=False)

    def __init__(self, data: Any = None, *, asker: User, host: str = "") -> None:
        super().__init__(data)
        self.asker, self.host = asker, host
        self.roles = current_role_map()
        self.known = self.roles.known

    def clean_permission(self) -> Permission | None:
        text: str = self.cleaned_data["permission"]
        if not text:
            return None
        permission = permission_called(text, self.known)
        if permission is not None:
            return permission
        words = _("There is no permission “%(name)s”.") % {"name": text[:80]}
        if near := near_permissions(text, self.known):
            words += " " + _("Did you mean %(names)s?") % {"names": _(" or ").join(map(str, near))}
        raise ValidationError(words, code=ABSENT)

    def clean_object(self) -> Found | None:
        text: str = self.cleaned_data["object"]
        if not text:
            return None
        if is_address(text):
            return self.found_at(page_at(text, self.host))
        name, _colon, rest = text.partition(":")
        kind = kinds.get(name.strip().lower())
        if kind is None and (meant := self.meant(text)) is not None:
            return meant
        if kind is None:
            raise ValidationError(
                _("Name it as one of %(kinds)s, or give the address of its page.")
                % {"kinds": ", ".join(f"{kind}:…" for kind in kinds)}
            )
        row = kind.find(self.asker, rest.strip())
        if row is None:
            raise ValidationError(_("There is nothing of this name in your sight."), code=ABSENT)
        return Found(kind, row)

    def meant(self, text: str) -> Found | None:
        """What is called so among the kinds that the permission is asked about."""
        permission = self.cleaned_data.get("permission")
        for kind in kinds.values():
            if permission is not None and permission.name in kind.permissions:
                row = kind.find(self.asker, text)
                if row is not None:
                    return Found(kind, row)
        return None

    def found_at(self, page: Asked) -> Found:
        thing = object_of(page, self.asker)
        if thing is None:
            raise ValidationError(_("At this address is nothing in your sight that can be asked about."), code=ABSENT)
        return thing

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        permission, thing = cleaned.get("permission"), cleaned.get("object")
        if permission is not None and thing is not None and permission.name not in thing.kind.permissions:
            offered = ", ".join(str(self.known[name]) for name in thing.kind.permissions if name in self.known)
            self.add_error(
                "permission",
                _("%(permission)s is not asked about a %(kind)s; %(offered)s are.")
                % {"permission": permission, "kind": thing.kind.label, "offered": offered},
            )
        return cleaned


class WhyForm(ActForm):
    """The whole question; nobody named is whoever asks."""

    person = LineField(label=gettext_lazy("Person"), max_length=254, required=False)
    page = LineField(label=gettext_lazy("Page"), max_length=500, required=False)

    field_order = ("person", "permission", "object", "page")
    # The page that "On" named by its address.
    at: Asked | None = None

    def clean_person(self) -> User:
        text: str = self.cleaned_data["person"]
        return person_called(text, self.asker) if text else self.asker

    def clean_page(self) -> Asked | None:
        text: str = self.cleaned_data["page"]
        return page_at(text, self.host) if text else None

    def clean_object(self) -> Found | None:
        text: str = self.cleaned_data["object"]
        # Without a permission an address is the page itself.
        if is_address(text) and not self.data.get("permission", "").strip():
            self.at = page_at(text, self.host)
            return None
        return super().clean_object()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["page"] = cleaned.get("page") or self.at
        if not self.errors and cleaned["page"] and (cleaned["permission"] or cleaned["object"]):
            self.add_error("page", _("Ask about a page, or about a permission and an object, not about both."))
        if not self.errors and not (cleaned["page"] or cleaned["permission"] or cleaned["object"]):
            self.add_error("permission", _("Say which permission, page or object it is about."))
        return cleaned

    def question(self, *, acted: bool) -> Question:
        """The question of a valid form, about somebody read anew."""
        cleaned = self.cleaned_data
        named, page, thing = cleaned["person"], cleaned["page"], cleaned["object"]
        person = RoleBackend().get_user(named.pk) or User.objects.get(pk=named.pk)
        permission = cleaned["permission"]
        if thing is not None and permission is None:
            permission = self.known[thing.kind.default(person, thing.row)]
        if page is not None:
            thing = object_of(page, self.asker)
        acted = acted and person.pk == self.asker.pk
        return Question(self.asker, person, permission, page, thing, acted=acted, roles=self.roles)


def permission_called(text: str, known: dict[str, Permission]) -> Permission | None:
    """The permission of this name, with a colon or a dot, of this label, or the one that these words tell."""
    named = known.get(text.strip().replace(":", ".", 1))
    if named is not None:
        return named
    words = normalised(text)
    if labelled := [each for each in known.values() if normalised(str(each.label)) == words]:
        return labelled[0]
    told = told_by(text, known)
    # "read users" is users:read, though other labels have these words too.
    exact = [each for each in told if _words(each.name) == _words(text)]
    found = exact or told
    return found[0] if len(found) == 1 else None


def told_by(text: str, known: dict[str, Permission]) -> list[Permission]:
    """The permissions whose name and label hold all of these words; a code is taken as it is written."""
    words = _words(text)
    if not words or ":" in text or "." in text:
        return []
    return [each for each in known.values() if words <= _words(f"{each.name} {each.label}")]


def near_permissions(text: str, known: dict[str, Permission]) -> list[Permission]:
    """A few that could be meant: by the words, else by the letters of the name."""
    names = get_close_matches(text.strip().replace(":", ".", 1).lower(), known, NEAR)
    return told_by(text, known)[:NEAR] or [known[name] for name in names]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", normalised(text)))


def person_called(text: str, asker: User) -> User:
    """The one person in sight with this username, address, public id or whole name."""
    known = directory.named(text)
    candidates = [known] if known is not None and directory.sees(asker, known.pk) else directory.called(asker, text)
    if not candidates:
        raise ValidationError(_("There is nobody of this name in your sight."), code=ABSENT)
    if len(candidates) > 1:
        raise ValidationError(_("Several people are called so. Write the username instead."))
    return User.objects.get(pk=candidates[0].pk)


def is_address(text: str) -> bool:
    return text.startswith(("/", "http://", "https://"))


def page_at(text: str, host: str) -> Asked:
    """The page at this address of the house, with or without its name before it."""
    try:
        parts = urlsplit(text)
        is_elsewhere = bool(parts.netloc) and parts.netloc.lower() != host.lower()
    except ValueError:
        raise ValidationError(_("This is no address.")) from None
    if is_elsewhere or not parts.path.startswith("/"):
        raise ValidationError(_("This is no address of this house: it begins with a slash."))
    for path in (parts.path, f"{parts.path}/"):
        try:
            match = resolve(path)
        except Resolver404:
            continue
        return Asked(path, match, declared_access(match.route, match.func))
    raise ValidationError(_("There is no page at this address."), code=ABSENT)


def object_of(page: Asked, asker: User) -> Found | None:
    """What the page is about, where whoever asks may see it."""
    for kind in kinds.values():
        if part := kind.part(page.match):
            row = kind.find(asker, part)
            return Found(kind, row) if row is not None else None
    return None
