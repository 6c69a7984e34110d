"""Where higher floors put what lower floors show: filled in each app's ``AppConfig.ready()``, read by pages.

Nothing here imports another floor; callables take the request or the person and answer plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise  # known to the type stubs only

type Text = str | _StrPromise


@dataclass(frozen=True, slots=True)
class Permission:
    """A right of the form resource.action, and Django's own permissions that come with it.

    Those that other programs ask about carry that program's name, which may be empty; those of the house carry None.
    """

    name: str
    label: Text
    django: tuple[str, ...] = ()
    program: str | None = None

    def __str__(self) -> str:
        """As people write it: resource:action."""
        return self.name.replace(".", ":", 1)

    @property
    def resource(self) -> str:
        return self.name.partition(".")[0]

    @property
    def action(self) -> str:
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class RailEntry:
    """A line of the rail: shown to those who hold `permission`, or to everyone signed in where it is empty."""

    group: Text
    label: Text
    url_name: str
    icon: str
    permission: str = ""
    order: int = 0
    # How many things wait there for this person, in one cheap query; nothing is shown for 0.
    count: Callable[[HttpRequest], int] | None = None


@dataclass(frozen=True, slots=True)
class PalettePage:
    """A page that the palette offers besides those of the rail, such as one where something is begun.

    Its view says who may open it.
    """

    label: Text
    url_name: str
    icon: str
    order: int = 0


@dataclass(frozen=True, slots=True)
class PaletteItem:
    """One thing the palette leads to; the hint tells apart what has the same name."""

    label: Text
    url: str
    icon: str
    hint: Text = ""


@dataclass(frozen=True, slots=True)
class PaletteSource:
    """A group of what the palette finds, for those who hold `permission`, or for everyone where it is empty.

    `find` takes the request and what was typed, and answers a handful of things that the person may open, in one
    bounded query. Before anything is typed only those are asked that show something `at_first`.
    """

    name: str
    label: Text
    find: Callable[[HttpRequest, str], Sequence[PaletteItem]]
    permission: str = ""
    order: int = 0
    at_first: bool = False


@dataclass(frozen=True, slots=True)
class HomeCard:
    """A section of Home; `context` returns None where there is nothing for this person to see.

    Sections stand side by side below those that are `wide`.
    """

    template: str
    context: Callable[[HttpRequest], dict[str, Any] | None]
    order: int = 0
    wide: bool = False


@dataclass(frozen=True, slots=True)
class UserTab:
    """A tab of the page of one person; `url_name` takes the person's public id."""

    label: Text
    url_name: str
    permission: str = ""
    order: int = 0


@dataclass(frozen=True, slots=True)
class UserColumn:
    """A column of /users/ that a higher floor knows: `values` answers, by key, for one page of people in one query."""

    label: Text
    values: Callable[[Iterable[Any]], dict[Any, Any]]
    template: str = ""
    order: int = 0
    # Of its cells, such as "num p3".
    classes: str = ""


@dataclass(frozen=True, slots=True)
class UserFilter:
    """A choice that narrows /users/ down; `narrow` answers the people for one of the values that `choices` offers."""

    name: str
    label: Text
    # Value and word of each choice, for whoever looks.
    choices: Callable[[HttpRequest], Sequence[tuple[str, Text]]]
    # Takes the queryset of people and a value that was offered.
    narrow: Callable[[Any, str], Any]
    order: int = 0


@dataclass(frozen=True, slots=True)
class UserAct:
    """An act upon many people at once, offered on /users/ to those who hold `permission`.

    `act` takes the actor, one person and the cleaned fields of `form` (a form class taking the keyword `actor`, or None
    where nothing is asked), in a transaction of its own for each person; a refusal is a ValidationError or
    PermissionDenied, and is told for that person while the others go on.
    """

    name: str
    label: Text
    permission: str
    act: Callable[..., Any]
    form: type[Any] | None = None
    step_up: bool = False
    # Ends something: asked for with the button of such acts.
    is_danger: bool = False
    # Whoever does it is left out of it, for they would shut themselves out.
    spares_actor: bool = False
    # What the person at the page is told before it is done, where that is not clear from the label.
    warning: Text = ""
    order: int = 0


@dataclass(frozen=True, slots=True)
class ImportColumn:
    """A column of a file of people that a higher floor understands.

    `clean` takes whoever brings the file in and the text of a cell, and raises ValidationError where it makes no sense
    or is not theirs to give; `give` takes them, the new person and what `clean` answered, in the transaction that makes
    the person. `headings` are the words by which the column is recognised, without spaces and signs. Where a cell of a
    column that `gives_rights` is filled, its person gets none but those.
    """

    name: str
    label: Text
    headings: tuple[str, ...]
    clean: Callable[[Any, str], Any]
    give: Callable[[Any, Any, Any], None]
    order: int = 0
    gives_rights: bool = False


@dataclass(frozen=True, slots=True)
class IdentityProviderTab:
    """A tab of the page of one identity provider; `url_name` takes its short name."""

    label: Text
    url_name: str
    permission: str
    order: int = 0


@dataclass(frozen=True, slots=True)
class ProfileTab:
    """A tab of one's own profile."""

    label: Text
    url_name: str
    order: int = 0


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What somebody signed in must do before anything else: where, and what a program of theirs is told meanwhile."""

    name: str
    url_name: str
    sentence: Text
    stands: Callable[[HttpRequest], bool]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A line of /readyz: `check` returns an empty string when all is well, else one sentence.

    What is not fatal is said there too, but takes no process out of service.
    """

    name: str
    check: Callable[[], str]
    is_fatal: bool = True


@dataclass(slots=True)
class Registry:
    permissions: dict[str, Permission] = field(default_factory=dict)
    rail: list[RailEntry] = field(default_factory=list)
    palette_pages: list[PalettePage] = field(default_factory=list)
    palette: list[PaletteSource] = field(default_factory=list)
    home_cards: list[HomeCard] = field(default_factory=list)
    user_tabs: list[UserTab] = field(default_factory=list)
    user_columns: list[UserColumn] = field(default_factory=list)
    user_filters: list[UserFilter] = field(default_factory=list)
    user_acts: list[UserAct] = field(default_factory=list)
    import_columns: list[ImportColumn] = field(default_factory=list)
    profile_tabs: list[ProfileTab] = field(default_factory=list)
    identity_provider_tabs: list[IdentityProviderTab] = field(default_factory=list)
    # In the order in which they are cleared away.
    obstacles: list[Obstacle] = field(default_factory=list)
    health_checks: list[HealthCheck] = field(default_factory=list)
    # The page of an object of the trail, by the type of its target: takes the request and the target's id, and is empty
    # where there is none that this person may see.
    object_links: dict[str, Callable[[HttpRequest, str], str]] = field(default_factory=dict)

    def add_permissions(self, *permissions: Permission) -> None:
        for permission in permissions:
            if permission.name in self.permissions:
                raise ValueError(f"permission {permission.name} is declared twice")
            self.permissions[permission.name] = permission


registry = Registry()
