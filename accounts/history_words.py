"""The acts upon people and their sessions that this floor records, worded for the person they are about."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.history import Facts, Kind, tells
from accounts.ways import factor_in_words, way_in_words

FIELDS = {
    "username": gettext_lazy("username"),
    "email": gettext_lazy("email address"),
    "full_name": gettext_lazy("full name"),
    "bio": gettext_lazy("about you"),
    "language": gettext_lazy("language"),
    "time_zone": gettext_lazy("time zone"),
    "preferences": gettext_lazy("preferences"),
    "is_verified": gettext_lazy("whether the email address is verified"),
    "supervisor": gettext_lazy("supervisor"),
}

# What needs nothing but its sentence: kind, whether a stranger at the door did it, and the words.
PLAIN = {
    "session.signed_out": (Kind.SIGN_IN, False, gettext_lazy("Signed out")),
    "impersonation.started": (Kind.SIGN_IN, False, gettext_lazy("Began to act as you")),
    "impersonation.ended": (Kind.SIGN_IN, False, gettext_lazy("Stopped acting as you")),
    "user.locked": (
        Kind.REFUSED,
        True,
        gettext_lazy("Locked for a while after many wrong passwords"),
    ),
    "user.unlocked": (Kind.REFUSED, False, gettext_lazy("Unlocked")),
    "password.reset_asked": (Kind.PASSWORD, True, gettext_lazy("A link to reset your password was asked for")),
    "password.reset": (Kind.PASSWORD, False, gettext_lazy("Password reset by the link from the letter")),
    "password.change_required": (
        Kind.PASSWORD,
        False,
        gettext_lazy("Asked to choose a new password at the next sign-in"),
    ),
    "factor.recovery_codes_made": (Kind.FACTOR, False, gettext_lazy("New recovery codes made")),
    "factor.reset": (Kind.FACTOR, False, gettext_lazy("All second factors removed")),
    "user.created": (Kind.DETAILS, False, gettext_lazy("Account made")),
    "user.invited": (Kind.DETAILS, False, gettext_lazy("Invited")),
    "invitation.accepted": (Kind.DETAILS, False, gettext_lazy("Invitation accepted")),
    "invitation.renewed": (Kind.DETAILS, False, gettext_lazy("Invitation sent again")),
    "invitation.withdrawn": (Kind.DETAILS, False, gettext_lazy("Invitation withdrawn")),
    "user.activated": (Kind.DETAILS, False, gettext_lazy("Account activated")),
    "user.deactivated": (Kind.DETAILS, False, gettext_lazy("Account deactivated")),
    "user.superuser_changed": (Kind.ROLE, False, gettext_lazy("Made a superuser, or no longer one")),
    "user.address_asked": (Kind.DETAILS, False, gettext_lazy("Another email address asked for")),
    "user.address_confirmed": (Kind.DETAILS, False, gettext_lazy("Email address changed and verified")),
}


def _declare(action: str, kind: Kind, words: object, *, is_stranger: bool) -> None:
    tells(action, kind=kind, is_stranger=is_stranger)(lambda facts, providers: str(words))


for _action, (_kind, _is_stranger, _words) in PLAIN.items():
    _declare(_action, _kind, _words, is_stranger=_is_stranger)


@tells("session.signed_in", kind=Kind.SIGN_IN)
def signed_in(facts: Facts, providers: Mapping[str, str]) -> str:
    way = way_in_words(str(facts.get("by", "")), str(facts.get("factor", "")), providers)
    if facts.get("new_device"):
        return _("Signed in with %(way)s, from a device not seen before") % {"way": way}
    return _("Signed in with %(way)s") % {"way": way} if way else _("Signed in")


@tells("session.stepped_up", kind=Kind.SIGN_IN)
def stepped_up(facts: Facts, providers: Mapping[str, str]) -> str:
    by = str(facts.get("by", ""))
    way = factor_in_words(by) if by in {"app", "recovery"} else way_in_words(by, "", providers)
    return _("Confirmed with %(way)s that it is you") % {"way": way} if way else _("Confirmed that it is you")


@tells("session.revoked", kind=Kind.SIGN_IN)
def revoked(facts: Facts, providers: Mapping[str, str]) -> str:
    if device := facts.get("device"):
        return _("%(device)s signed out") % {"device": device}
    count = _number(facts.get("sessions"))
    return ngettext("%(count)d session signed out", "%(count)d sessions signed out", count) % {"count": count}


@tells("session.sign_in_failed", kind=Kind.REFUSED, is_stranger=True)
def sign_in_failed(facts: Facts, providers: Mapping[str, str]) -> str:
    by = str(facts.get("by", "") or "password")
    return _("Sign-in refused: %(way)s") % {"way": way_in_words(by, "", providers)}


@tells("factor.refused", kind=Kind.REFUSED, is_stranger=True)
def factor_refused(facts: Facts, providers: Mapping[str, str]) -> str:
    way = factor_in_words(str(facts.get("kind", "")))
    if facts.get("locked"):
        return _("Second step refused: %(way)s; none is tried for a while") % {"way": way}
    return _("Second step refused: %(way)s") % {"way": way}


@tells("password.changed", kind=Kind.PASSWORD)
def password_changed(facts: Facts, providers: Mapping[str, str]) -> str:
    if facts.get("must_change"):
        return _("A one-time password given to you")
    return _("Password changed")


@tells("factor.added", kind=Kind.FACTOR)
def factor_added(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Set up: %(factor)s") % {"factor": _factor(facts)}


@tells("factor.replaced", kind=Kind.FACTOR)
def factor_replaced(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Replaced: %(factor)s") % {"factor": _factor(facts)}


@tells("factor.renamed", kind=Kind.FACTOR)
def factor_renamed(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Renamed: %(factor)s") % {"factor": _factor(facts)}


@tells("factor.removed", kind=Kind.FACTOR)
def factor_removed(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Removed: %(factor)s") % {"factor": _factor(facts)}


@tells("factor.recovery_code_used", kind=Kind.FACTOR)
def recovery_code_used(facts: Facts, providers: Mapping[str, str]) -> str:
    left = _number(facts.get("left"))
    return ngettext("Recovery code used, %(left)d left", "Recovery code used, %(left)d left", left) % {"left": left}


@tells("device.remembered", kind=Kind.FACTOR)
def device_remembered(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Device remembered: %(device)s") % {"device": facts.get("device", "")}


@tells("device.forgotten", kind=Kind.FACTOR)
def device_forgotten(facts: Facts, providers: Mapping[str, str]) -> str:
    if device := facts.get("device"):
        return _("Device forgotten: %(device)s") % {"device": device}
    return _("All devices forgotten")


@tells("identity.connected", kind=Kind.FACTOR)
def identity_connected(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Connected with %(provider)s") % {"provider": facts.get("provider", "")}


@tells("identity.disconnected", kind=Kind.FACTOR)
def identity_disconnected(facts: Facts, providers: Mapping[str, str]) -> str:
    return _("Disconnected from %(provider)s") % {"provider": facts.get("provider", "")}


@tells("user.updated", kind=Kind.DETAILS)
def updated(facts: Facts, providers: Mapping[str, str]) -> str:
    names = ", ".join(str(FIELDS[name]) for name in FIELDS if name in facts)
    return _("Changed: %(fields)s") % {"fields": names} if names else _("Details changed")


def _factor(facts: Facts) -> str:
    words, name = factor_in_words(str(facts.get("kind", ""))), facts.get("name")
    return f"{words} “{name}”" if name else words


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
