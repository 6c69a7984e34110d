"""The Django admin, address by address: who comes in at all, and what each role sees of each model there."""

from __future__ import annotations

import pytest
from django.db.models import Model
from django.urls import reverse

from rbac.system_roles import SYSTEM_ROLES
from tests.access.asking import Browser, leads_to
from tests.access.rows import Rows, rows_of
from tests.access.table import admin_cell, admin_pages, granted_to
from tests.factories import make_user
from tests.routes import Route, routes
from ui.guard import Kind

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("plain_refusals")]
FOREIGN = [route for route in routes() if route.is_foreign]
COMING_IN = [role.key for role in SYSTEM_ROLES if "system.read" in granted_to(role.key)]
OTHERS = [role.key for role in SYSTEM_ROLES if role.key not in COMING_IN]
PAGES = dict(admin_pages())
# What each page about one row asks for; Django's own history is not there at all, for the trail tells it.
OF_ROW = (("change", "see"), ("history", "history"), ("delete", "delete"))


def refused(browser: Browser, walked: list[Route], *, to: str) -> list[str]:
    """The addresses that neither refuse nor, where `to` is given, send their reader there."""
    answers = ((route, browser.ask("GET", route.path)) for route in walked)
    return [
        route.route
        for route, answer in answers
        if not (leads_to(answer, to) or leads_to(answer, "admin:login") if to else answer.status_code == 403)
    ]


def test_the_admin_is_there() -> None:
    assert len(FOREIGN) > 200
    assert COMING_IN == ["operator", "admin"]


def test_nobody_signed_in_is_sent_to_the_door(house: Rows) -> None:
    assert refused(Browser(None), FOREIGN, to="login") == []
    assert leads_to(Browser(None).ask("GET", reverse("admin:login")), "login")


@pytest.mark.parametrize("role", [*OTHERS, None])
def test_it_is_closed_to_those_who_may_not_see_the_system(role: str | None, house: Rows) -> None:
    asked = [route for route in FOREIGN if route.access and route.access.kind is Kind.PERMISSION]
    # Whoever lacks the most is asked about all, the others about one address for each model.
    walked = asked if role is None else [route for route in asked if route.route.endswith("/add/")]
    assert refused(Browser(make_user(role=role)), walked, to="") == []


@pytest.mark.parametrize("role", COMING_IN)
def test_each_model_shows_a_role_what_the_table_says(role: str, house: Rows) -> None:
    person = make_user(role=role)
    rows_of(person)
    browser = Browser(person, fresh=True)
    wrong = [
        f"{path}: {status} where the table says {may or 'nothing'}"
        for model, pages in PAGES.items()
        for path, act in addresses(model)
        for may in [act in str(admin_cell(pages, role))]
        if (status := browser.ask("GET", path).status_code) not in ({200, 302} if may else {403, 404, 302})
    ]
    assert not wrong, "\n".join(wrong)


def addresses(model: type[Model]) -> list[tuple[str, str]]:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    found = [(reverse(f"{name}_changelist"), "see"), (reverse(f"{name}_add"), "add")]
    row = model._default_manager.first()
    if row is not None:
        found += [(reverse(f"{name}_{page}", args=[row.pk]), act) for page, act in OF_ROW]
    return found


@pytest.mark.parametrize("role", COMING_IN)
def test_odd_posts_are_answered_in_words(role: str, house: Rows) -> None:
    browser = Browser(make_user(role=role), fresh=True)
    wrong = [
        (route.route, status) for route in FOREIGN if (status := browser.ask("POST", route.path).status_code) >= 500
    ]
    assert wrong == []
