"""How somebody proved who they are, in words: for the list of sessions, and for one's own history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import IdentityProvider, Session
from accounts.obstacles import FACTOR_SESSION_KEY

# With what the person of a session came in.
BY_SESSION_KEY = "by"
# What needs no identity provider.
OWN = {"", "password", "passkey"}


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session as lists show it: itself, and with what its person came in."""

    session: Session
    way: str


def provider_names() -> dict[str, str]:
    """The names of identity providers by the short ones that sessions and the trail keep."""
    return dict(IdentityProvider.objects.values_list("slug", "name"))


def way_in_words(by: str, factor: str, providers: Mapping[str, str]) -> str:
    """For example “password and authenticator app”; nothing where nothing was kept."""
    first = {"password": _("password"), "passkey": _("passkey")}.get(by) or providers.get(by, by)
    # A passkey alone stands for both.
    second = "" if factor == by else factor_in_words(factor)
    if first and second:
        return _("%(first)s and %(second)s") % {"first": first, "second": second}
    return first or second


def lines_of(sessions: Iterable[Session]) -> list[SessionLine]:
    """Sessions with their ways; providers are looked up only where one of them needs it."""
    kept = [(session, session.get_decoded()) for session in sessions]
    providers = provider_names() if any(data.get(BY_SESSION_KEY, "") not in OWN for _session, data in kept) else {}
    return [
        SessionLine(session, way_in_words(data.get(BY_SESSION_KEY, ""), data.get(FACTOR_SESSION_KEY, ""), providers))
        for session, data in kept
    ]


def factor_in_words(factor: str) -> str:
    """What stands in a session or the trail for a second factor, as people call it."""
    words = {
        "app": _("authenticator app"),
        "recovery": _("recovery code"),
        "passkey": _("passkey"),
        "device": _("remembered device"),
    }
    return words.get(factor, factor)
