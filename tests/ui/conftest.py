from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template import engines
from django.test import RequestFactory

from accounts.models import User


@pytest.fixture
def maren(db: None) -> User:
    """Somebody who may open everything."""
    return User.objects.create(
        username="maren.holt", email="maren@example.org", full_name="Maren Holt", is_superuser=True
    )


@pytest.fixture
def ana(db: None) -> User:
    """Somebody who may open nothing in particular."""
    return User.objects.create(username="ana.ruiz", email="ana@example.org", full_name="Ana Ruiz")


def request_of(user: User | AnonymousUser, path: str = "/") -> HttpRequest:
    request = RequestFactory().get(path)
    request.user = user
    return request


@pytest.fixture
def render() -> Callable[..., str]:
    """Render a template written in the test, for somebody at some address."""

    def render(source: str, *, user: User | AnonymousUser | None = None, path: str = "/", **context: Any) -> str:
        request = request_of(user or AnonymousUser(), path)
        return str(engines["django"].from_string(source).render(context, request))

    return render
