from __future__ import annotations

from accounts.models import User
from tests.ui.conftest import request_of
from ui.rail import rail_groups
from ui.registry import RailEntry, registry

ENTRIES = [
    RailEntry("Run", "Sign in", "login", "lock", permission="settings.read", order=40),
    RailEntry("Talk", "Profile", "accounts:profile", "user", order=10),
    RailEntry("Talk", "Password", "password_change", "key-round", order=20),
]


def test_only_what_the_person_may_open(maren: User, ana: User) -> None:
    assert [group.label for group in rail_groups(request_of(maren), ENTRIES)] == ["Talk", "Run"]
    assert [group.label for group in rail_groups(request_of(ana), ENTRIES)] == ["Talk"]


def test_a_page_below_an_entry_belongs_to_it(ana: User) -> None:
    pages = rail_groups(request_of(ana, "/profile/sessions/"), ENTRIES)[0].pages
    assert [(page.label, page.current) for page in pages] == [("Profile", True), ("Password", False)]


def test_nowhere_is_current_on_a_page_of_no_entry(ana: User) -> None:
    assert not any(page.current for group in rail_groups(request_of(ana, "/"), ENTRIES) for page in group.pages)


def test_every_registered_entry_leads_somewhere(maren: User) -> None:
    groups = rail_groups(request_of(maren))
    assert sum(len(group.pages) for group in groups) == len(registry.rail)
