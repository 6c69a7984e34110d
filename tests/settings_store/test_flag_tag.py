"""{% flag %}: who sees what of a page, and that no page fails for want of a flag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, RequestContext, Template, TemplateSyntaxError
from django.test import RequestFactory

from accounts.models import User
from settings_store import flags
from settings_store.models import Flag
from tests.factories import make_user, role_named

pytestmark = pytest.mark.django_db
IF_NEW = '{% load flags %}{% flag "new-search" %}new{% else %}old{% endflag %}'

type MakeFlag = Callable[..., Flag]


def shown(text: str, user: User | AnonymousUser | None = None, **context: Any) -> str:
    if user is None:
        return Template(text).render(Context(context))
    request = RequestFactory().get("/")
    request.user = user
    return Template(text).render(RequestContext(request, context))


def test_each_person_sees_their_side(make_flag: MakeFlag) -> None:
    ana, ben, cleo = (make_user(username=name) for name in ("ana", "ben", "cleo"))
    omar = make_user(role="operator", username="omar")
    make_flag("new-search", on=True, share=0, people=[ana.pk], roles=[role_named("operator").pk], excluded=[cleo.pk])
    assert [shown(IF_NEW, user) for user in (ana, omar, ben, cleo)] == ["new", "new", "old", "old"]
    assert shown(IF_NEW, AnonymousUser()) == "old"
    assert shown(IF_NEW) == "old"


def test_on_for_everybody_means_those_without_a_request_too(make_flag: MakeFlag) -> None:
    make_flag("new-search", on=True)
    assert shown(IF_NEW, AnonymousUser()) == shown(IF_NEW) == "new"


def test_the_other_side_may_be_left_out(make_flag: MakeFlag) -> None:
    text = '{% load flags %}[{% flag "new-search" %}new{% endflag %}]'
    make_flag("new-search")
    assert shown(text) == "[]"
    make_flag("new-search", on=True)
    assert shown(text) == "[new]"


def test_the_key_may_be_a_variable_with_filters(make_flag: MakeFlag) -> None:
    make_flag("new-search", on=True)
    text = "{% load flags %}{% flag which|lower %}new{% else %}old{% endflag %}"
    assert shown(text, which="NEW-Search") == "new"
    assert shown(text, which="other") == "old"


@pytest.mark.usefixtures("make_flag")
def test_an_unknown_flag_gives_the_default_and_is_counted() -> None:
    text = '{% load flags %}{% flag "new-search" default=wanted %}new{% else %}old{% endflag %}'
    assert shown(text, wanted=True) == "new"
    assert shown(text, wanted=False) == shown(text) == "old"
    assert flags.unknown == {"new-search": 3}


def test_the_default_is_for_unknown_flags_alone(make_flag: MakeFlag) -> None:
    make_flag("new-search")
    assert shown('{% load flags %}{% flag "new-search" default=True %}new{% else %}old{% endflag %}') == "old"


@pytest.mark.usefixtures("make_flag")
@pytest.mark.parametrize("which", [None, 7, ["list"], {"a": 1}, "", "\ud800", "x" * 500])
def test_no_key_fails_a_page(which: object) -> None:
    assert shown("{% load flags %}{% flag which %}new{% else %}old{% endflag %}", which=which) == "old"
    assert shown("{% load flags %}{% flag missing %}new{% else %}old{% endflag %}") == "old"


def test_flags_stand_inside_flags_and_loops(make_flag: MakeFlag) -> None:
    make_flag("a", on=True)
    make_flag("b")
    text = (
        "{% load flags %}{% for key in keys %}{% flag key %}{{ key }}"
        '{% flag "b" %}b{% else %}!{% endflag %}{% endflag %}{% endfor %}'
    )
    assert shown(text, keys=["a", "b", "a"]) == "a!a!"


@pytest.mark.parametrize(
    "tag", ["flag", 'flag "a" "b"', 'flag "a" defualt=True', "flag default=True", 'flag "a" as x', 'flag "a" default=']
)
def test_a_tag_that_says_something_else_is_refused_when_it_is_read(tag: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        Template("{% load flags %}{% " + tag + " %}{% endflag %}")
