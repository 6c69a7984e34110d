from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.models import User
from ui.guard import STEP_UP_SECONDS, STEP_UP_SESSION_KEY, Kind, access_of, public, requires, signed_in


@requires("settings.write")
def write(request: HttpRequest) -> HttpResponse:
    return HttpResponse("written")


@requires("settings.write")
async def write_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("written")


@signed_in(step_up=True)
def secret(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secret")


def asked(
    user: User | AnonymousUser,
    *,
    method: str = "get",
    stepped_up_ago: float | None = None,
    headers: dict[str, str] | None = None,
) -> Any:
    request = getattr(RequestFactory(), method)("/settings/?q=a", headers=headers)
    request.user = user
    request.session = SessionStore()
    if stepped_up_ago is not None:
        request.session[STEP_UP_SESSION_KEY] = time.time() - stepped_up_ago
    return request


def test_the_right_opens_and_its_lack_is_named(maren: User, ana: User) -> None:
    assert write(asked(maren)).content == b"written"
    with pytest.raises(PermissionDenied, match=r"settings\.write"):
        write(asked(ana))


async def test_asynchronous_views_are_guarded_alike() -> None:
    with pytest.raises(PermissionDenied, match=r"settings\.write"):
        await write_async(asked(AnonymousUser()))


def test_a_fresh_password_is_asked_for_and_the_way_back_is_kept(ana: User) -> None:
    answer = secret(asked(ana))
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer["Location"]).query)["next"] == ["/settings/?q=a"]
    assert secret(asked(ana, stepped_up_ago=STEP_UP_SECONDS - 5)).content == b"secret"
    assert secret(asked(ana, stepped_up_ago=STEP_UP_SECONDS + 5)).status_code == 302


def test_after_a_post_the_way_back_is_the_page_of_the_form(ana: User) -> None:
    answer = secret(asked(ana, method="post", headers={"Referer": "/settings/edit/"}))
    assert parse_qs(urlsplit(answer["Location"]).query)["next"] == ["/settings/edit/"]


def test_under_htmx_the_whole_page_goes_to_the_password(ana: User) -> None:
    answer = secret(asked(ana, headers={"HX-Request": "true"}))
    assert (answer.status_code, answer["HX-Redirect"].startswith("/step-up/")) == (204, True)


def test_a_view_says_who_may_call_it() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert access_of(view) is None
    declared = access_of(requires("settings.write", step_up=True)(view))
    assert declared is not None
    assert (declared.kind, declared.permission, declared.step_up) == (Kind.PERMISSION, "settings.write", True)
    open_to_all = public(view)
    assert getattr(open_to_all, "login_required", True) is False
