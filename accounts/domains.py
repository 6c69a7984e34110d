"""Lists of e-mail domains as settings hold them: one to a line, a star in front for all below it."""

from __future__ import annotations

from accounts.names import delivered_domain


def domain_of(email: str) -> str:
    """The domain of an address in the form that mail is delivered to it by; empty where it has none."""
    return delivered_domain(email.rpartition("@")[2]) if "@" in email else ""


def is_listed(email: str, lines: str) -> bool:
    """Whether the domain of `email` is one of `lines`; "*.example.org" stands for all below it, not for itself."""
    domain = domain_of(email)
    if not domain:
        return False
    for line in lines.split():
        star, _dot, rest = line.partition(".")
        if star == "*":
            above = delivered_domain(rest)
            if above and domain.endswith(f".{above}"):
                return True
        elif delivered_domain(line) == domain:
            return True
    return False
