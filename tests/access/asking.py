"""Somebody at a browser, asking one address after another; whatever they do is undone before the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.obstacles import FACTOR_SESSION_KEY
from tests.factories import client_of
from ui.guard import STEP_UP_SESSION_KEY

# Far enough in the future to be within the last ten minutes.
FRESH = 2**40


class Browser:
    """The browser of `person`, or of nobody; with `fresh` they gave their password and a factor a moment ago."""

    def __init__(self, person: User | None, *, fresh: bool = False, **session: object) -> None:
        self.client = Client(raise_request_exception=False)
        if person is not None:
            self.client = client_of(person, raise_request_exception=False)
            kept = self.client.session
            kept.update({STEP_UP_SESSION_KEY: FRESH, FACTOR_SESSION_KEY: "passkey"} if fresh else {})
            kept.update(session)
            kept.save()
        self.cookies = {name: morsel.value for name, morsel in self.client.cookies.items()}

    def ask(
        self,
        method: str,
        path: str,
        data: Mapping[str, object] | None = None,
        *,
        seen: Callable[[HttpResponse], None] | None = None,
        **headers: str,
    ) -> HttpResponse:
        """The answer; what it changed is taken back, after `seen` has looked at it."""
        self.client.cookies.clear()
        for name, value in self.cookies.items():
            self.client.cookies[name] = value
        undone = transaction.atomic()
        # As Django's own test cases say of the transaction around a test: what must be written at once may be within.
        undone._from_testcase = True  # type: ignore[attr-defined]  # unknown to the stubs
        with undone:
            if method in {"GET", "HEAD"}:
                answer = getattr(self.client, method.lower())(path, data, headers=headers)
            elif method == "POST":
                answer = self.client.post(path, data or {}, headers=headers)
            else:
                answer = self.client.generic(method, path, headers=headers)
            if seen is not None:
                seen(answer)
            transaction.set_rollback(True)
        found: HttpResponse = answer
        return found

    @property
    def cookie(self) -> str:
        return self.cookies[settings.SESSION_COOKIE_NAME]


def leads_to(answer: HttpResponse, name: str) -> bool:
    """Whether the answer sends its reader to the page of this name, by itself or by htmx."""
    target = answer.headers.get("Location") or answer.headers.get("HX-Redirect") or ""
    return target.startswith(reverse(name))
