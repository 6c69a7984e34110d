from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import get_template

from accounts.models import User
from tests.ui.conftest import request_of
from ui.registry import registry

type Render = Callable[..., str]

PAGE = '{% extends "base.html" %}{% block title %}Roles{% endblock %}{% block heading %}Roles{% endblock %}'


def test_the_frame_has_its_landmarks(render: Render, maren: User) -> None:
    html = render(PAGE, user=maren)
    assert '<a class="skip" href="#main">' in html
    assert '<main id="main" tabindex="-1"' in html
    assert html.count("<h1>") == 1
    assert "<title>Roles · Gatehouse</title>" in html
    assert "production" in html


def test_the_badge_says_what_is_served_whatever_the_page_is_about(render: Render, maren: User) -> None:
    html = render(PAGE, user=maren, environment="staging")
    assert html.count("This installation serves production") == 2, "in the rail, and at the top of a phone"
    assert "staging" not in html


def test_signing_out_and_the_theme_are_posts_with_a_token(render: Render, maren: User) -> None:
    html = render(PAGE, user=maren, path="/?q=a&b")
    forms = re.findall(r'<form action="(/logout/|/theme/)" method="post".*?</form>', html, re.DOTALL)
    assert sorted(forms) == ["/logout/", "/theme/"]
    assert html.count("csrfmiddlewaretoken") == 2
    assert '<input type="hidden" name="next" value="/?q=a&amp;b">' in html


@pytest.mark.parametrize(
    ("kept", "attribute"), [("dark", ' data-theme="dark"'), ("system", ""), ("", ""), ('"><script>', "")]
)
def test_the_theme_is_the_persons(render: Render, maren: User, kept: str, attribute: str) -> None:
    maren.preferences = {"theme": kept}
    assert f'<html lang="en"{attribute}>' in render(PAGE, user=maren)


def test_htmx_may_neither_eval_nor_run_scripts(render: Render, maren: User) -> None:
    html = render(PAGE, user=maren)
    found = re.search(r"name=\"htmx-config\" content='(.*?)'", html)
    assert found is not None
    config = json.loads(found[1])
    assert (config["allowEval"], config["allowScriptTags"], config["includeIndicatorStyles"]) == (False, False, False)
    assert (config["historyCacheSize"], config["selfRequestsOnly"]) == (0, True)
    token = re.search(r"hx-headers='(.*?)'", html)
    assert token is not None
    assert json.loads(token[1])["X-CSRFToken"]


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_pages_for_what_goes_wrong(name: str, signed_in: bool, ana: User) -> None:
    request = request_of(ana if signed_in else AnonymousUser())
    html = str(get_template(name).render({"exception": "settings.write"}, request))
    assert html.count("<h1>") == 1
    assert 'href="/"' in html


def test_a_refusal_names_the_permission_and_whom_to_ask(ana: User) -> None:
    permission = next(iter(registry.permissions.values()))
    html = str(get_template("403.html").render({"exception": permission.name}, request_of(ana)))
    assert f"<code>{permission}</code>" in html
    assert str(permission.label) in html
    assert "Ask an administrator if you need it." in html


def test_a_refusal_with_a_sentence_says_it(ana: User) -> None:
    html = str(get_template("403.html").render({"exception": "You <cannot> do it."}, request_of(ana)))
    assert "You &lt;cannot&gt; do it." in html


def test_the_page_for_our_own_faults_needs_nothing(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        html = str(get_template("500.html").render())
    assert "Something broke here" in html
