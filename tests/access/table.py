"""Who may do what, route by route, as `docs/access.md` shows it: from what routes, roles and permissions declare.

Nothing here asks a database. What the cells claim, the other tests of this package ask by real requests.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest

from accounts.obstacles import ALL_OBSTACLES
from rbac.system_roles import BY_KEY, SYSTEM_ROLES
from tests.routes import Route, routes
from ui.guard import Access, Kind, View
from ui.registry import registry

COMMAND = "make access"
# The highest first, as /roles/ shows them.
ROLES = [role.key for role in reversed(SYSTEM_ROLES)]
ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Cell(StrEnum):
    """What a role reaches of a route."""

    YES = "✓"
    NO = "–"
    # Rows of people below oneself, and one's own; those of others are not there.
    TEAM = "own team"
    # Rows of one's own alone.
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows the routes below `prefix` show to those who do not hold `widened_by`."""

    prefix: str
    cell: Cell
    widened_by: str = ""


# By the longest prefix.
SCOPES = (
    Scope("chat/<uuid:public_id>/", Cell.OWN),
    Scope("chat/bin/<uuid:public_id>/", Cell.OWN),
    Scope("chat/folders/<uuid:folder_id>/", Cell.OWN),
    Scope("conversations/", Cell.TEAM, "conversations.all"),
    Scope("profile/", Cell.OWN),
    Scope("profile/security/providers/", Cell.YES),
    Scope("settings/import/<uuid:public_id>/", Cell.OWN),
    Scope("users/", Cell.TEAM, "users.all"),
    Scope("users/new/", Cell.YES),
    Scope("users/invite/", Cell.YES),
    Scope("users/invitations/made/", Cell.OWN),
    Scope("users/acts/<uuid:act_id>/", Cell.OWN),
    Scope("users/import/", Cell.YES),
    Scope("users/import/<uuid:import_id>/", Cell.OWN, "users.admin"),
)

# Of views that tell programs about a wrong method in words of their own: no decorator says it.
OWN_METHODS = {
    "rbac:why_api": ("GET", "HEAD"),
    "settings_store:evaluate_flag": ("POST",),
    "settings_store:evaluate_flags": ("POST",),
    "settings_store:ofrep_nowhere": ALL_METHODS,
}

# Where a route belongs on the page, by the longest prefix; one that fits nowhere fails the test.
AREAS = {
    "Talk": ("chat/", "prompts/"),
    "Oversee": ("conversations/", "users/<uuid:user_id>/conversations/"),
    "People": ("users/", "roles/", "identity-providers/"),
    "Run": ("settings/", "flags/", "models/", "audit/"),
    "Oneself": ("", "palette/", "profile/", "theme/", "act-as/"),
    "Doors": (
        "login/",
        "logout/",
        "factor/",
        "step-up/",
        "password/",
        "register/",
        "invitation/",
        "healthz",
        "readyz",
    ),
    "Programs": ("api/", "ofrep/"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One route as the page shows it."""

    route: Route
    name: str
    # In the order of ALL_METHODS; empty where nobody says.
    methods: tuple[str, ...]

    @property
    def access(self) -> Access:
        assert self.route.access is not None, self.route.route
        return self.route.access

    @property
    def address(self) -> str:
        """The route as people read it: what stands for something is one word in braces."""
        plain = self.route.route.removeprefix("^").replace(r"(?P<key>[\s\S]+)\Z", "<key>")
        for converter in ("uuid", "slug", "str", "int", "path"):
            plain = plain.replace(f"<{converter}:", "<")
        return "/" + plain.replace("<", "{").replace(">", "}")

    @property
    def area(self) -> str:
        found = [
            (len(prefix), area)
            for area, prefixes in AREAS.items()
            for prefix in prefixes
            if (self.route.route.removeprefix("^").startswith(prefix) if prefix else not self.route.route)
        ]
        return max(found)[1] if found else ""

    @property
    def scope(self) -> Scope | None:
        fitting = [scope for scope in SCOPES if self.route.route.startswith(scope.prefix)]
        return max(fitting, key=lambda scope: len(scope.prefix), default=None)

    def cell(self, granted: Iterable[str]) -> Cell:
        """What those who hold exactly these permissions reach."""
        held = frozenset(granted)
        if self.access.lacking(_Holder(held)):
            return Cell.NO
        if self.scope is None or self.scope.widened_by in held:
            return Cell.YES
        return self.scope.cell

    @property
    def asks(self) -> str:
        access = self.access
        words = {Kind.PUBLIC: "nothing", Kind.SIGNED_IN: "signed in"}.get(access.kind, "")
        named = " and ".join(f"`{name.replace('.', ':', 1)}`" for name in (access.permission, access.also) if name)
        further = [
            "password again" if access.step_up else "",
            "in person" if access.in_person and not access.step_up else "",
            "before obstacles" if access.before == ALL_OBSTACLES else "",
            *(f"before {name.replace('_', ' ')}" for name in sorted(access.before) if access.before != ALL_OBSTACLES),
        ]
        return ", ".join(filter(None, [words or named, *further]))


@dataclass(frozen=True, slots=True)
class _Holder:
    """Somebody of whom nothing is known but what they hold."""

    held: frozenset[str]
    is_active: bool = True
    is_staff: bool = True
    is_authenticated: bool = True

    def has_perm(self, name: str, obj: object = None) -> bool:
        return obj is None and name in self.held

    def has_perms(self, names: Iterable[str], obj: object = None) -> bool:
        return all(self.has_perm(name, obj) for name in names)

    def has_module_perms(self, app_label: str) -> bool:
        return any(name.startswith(f"{app_label}.") for name in self.held)


@cache
def granted_to(role: str) -> frozenset[str]:
    """What a system role holds with its parents, Django's own names included."""
    own = BY_KEY[role].core(registry.permissions)
    parent = BY_KEY[role].parent
    names = own | (granted_to(parent) if parent else frozenset())
    return names.union(*(registry.permissions[name].django for name in names if name in registry.permissions))


def methods_of(view: View) -> tuple[str, ...]:
    """The methods that the decorators of a view let through; empty where none of them says."""
    current: View | None = view
    while current is not None:
        around = inspect.getclosurevars(current).nonlocals
        # Django's decorators call them so, and those of views for programs.
        if allowed := around.get("request_method_list") or around.get("methods"):
            return tuple(method for method in ALL_METHODS if method in allowed)
        current = getattr(current, "__wrapped__", None)
    return ()


def lines() -> list[Line]:
    """Every route of the house, in the order of its areas and of the address."""
    order = list(AREAS)
    found = [
        Line(route, route.name, OWN_METHODS.get(route.name) or methods_of(route.view))
        for route in routes()
        if not route.is_foreign
    ]
    return sorted(found, key=lambda line: (order.index(line.area) if line.area else -1, line.address, line.name))


def admin_pages() -> Iterator[tuple[type[Model], ModelAdmin[Model]]]:
    """Models of the Django admin with their pages, by label."""
    return iter(sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label_lower))


def admin_cell(pages: ModelAdmin[Model], role: str) -> Cell | str:
    """What a role does in the Django admin with rows of a model."""
    if "system.read" not in granted_to(role):
        return Cell.NO
    request = HttpRequest()
    request.user = _Holder(granted_to(role))  # type: ignore[assignment]  # all that is asked of a person
    asked = {
        "see": pages.has_view_permission(request),
        "add": pages.has_add_permission(request),
        "change": pages.has_change_permission(request),
        "delete": pages.has_delete_permission(request),
    }
    return ", ".join(act for act, may in asked.items() if may) or Cell.NO


def text() -> str:
    """The page as it must stand in `docs/access.md`."""
    every = lines()
    parts = [_head(every)]
    for area in AREAS:
        parts.append(f"\n## {area}\n")
        parts.append(_row(["address", "name", "methods", "asks", *ROLES]))
        parts.append(_row(["---", "---", "---", "---", *[":-:"] * len(ROLES)]))
        parts += [
            _row(
                [
                    f"`{line.address}`",
                    line.name,
                    " ".join(line.methods),
                    line.asks,
                    *(line.cell(granted_to(role)) for role in ROLES),
                ]
            )
            for line in every
            if line.area == area
        ]
    parts.append(_ADMIN)
    parts.append(_row(["rows", *ROLES]))
    parts.append(_row(["---", *[":-:"] * len(ROLES)]))
    parts += [
        _row([f"`{model._meta.label}`", *(admin_cell(pages, role) for role in ROLES)]) for model, pages in admin_pages()
    ]
    return "\n".join(parts) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(every: list[Line]) -> str:
    kinds = Counter(line.access.kind for line in every)
    return _HEAD.format(command=COMMAND, all=len(every), public=kinds[Kind.PUBLIC], signed_in=kinds[Kind.SIGNED_IN])


_HEAD = """\
# Who may do what

Written by `{command}` from what the routes themselves declare, the table of system roles and the scopes of
`tests/access/table.py`; a test keeps it true, so that whoever changes what somebody may do changes this page. That the
page says the truth is asked by real requests, with real rows of somebody's, in `tests/access/`.

{all} addresses: {public} ask nothing, {signed_in} ask for no permission but that somebody is signed in.

- **✓** may; **–** is answered 403. What is **own team** or **own** shows the rows of people below oneself and one's
  own, or one's own alone; the rows of others are answered 404, as those that do not exist.
- Nobody signed in is sent to the sign-in page, programs are told 401. Who holds no role reaches what asks for nothing
  and what says *signed in*, as a guest does.
- Deactivated people are nobody signed in, from the next request on. Who is locked out after wrong passwords cannot sign
  in until the lock ends; sessions they have stay.
- An obstacle - a second factor that a role asks for, a password that others know - leads to the page that clears it
  away, and programs are told 403, from everywhere but what says *before* it.
- *Password again* is asked where it was not given within ten minutes. That, and what is *in person*, nobody does who
  acts as somebody else; all else they do as that person would.
- A method that is not listed is answered 405. What answers GET or HEAD changes nothing, but that one-time things are
  shown once, and that looking itself may be noted.
- The table says who reaches an address. What is done there may ask for more by what it is about: nobody gives what they
  lack, touches a person or a role above their own rank, or takes the last admin away; what gives a power asks for the
  password again."""

_ADMIN = """
## Django admin
Below `/admin/`, which asks for `system:read`; what is shown of each model asks for Django's own permissions, which come
with those of the house.
"""
