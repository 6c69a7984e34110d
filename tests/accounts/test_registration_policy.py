"""Who may register, by policy and domain."""

from __future__ import annotations

import pytest

from accounts.domains import domain_of, is_listed
from accounts.registration import is_offered, may_invite, may_register
from settings_store.actions import change_setting


def set_to(key: str, value: str) -> None:
    change_setting(actor=None, key=f"accounts.{key}", environment="production", value=value)


@pytest.mark.parametrize(
    ("email", "lines", "listed"),
    [
        ("ana@example.org", "example.org", True),
        ("ana@EXAMPLE.org", "other.net\n Example.ORG \n", True),
        ("ana@sub.example.org", "example.org", False),
        ("ana@sub.example.org", "*.example.org", True),
        ("ana@a.b.example.org", "*.example.org", True),
        ("ana@example.org", "*.example.org", False),
        ("ana@notexample.org", "*.example.org", False),
        ("ana@example.org.evil.net", "example.org\n*.example.org", False),
        ("ana@bücher.example", "xn--bcher-kva.example", True),
        ("ana@xn--bcher-kva.example", "bücher.example", True),
        ("ana@b\u00fccher.example", "bu\u0308cher.example", True),
        # A Cyrillic letter that looks like a Latin one.
        ("ana@ex\u0430mple.org", "example.org", False),
        # What folds into a listed domain is delivered there.
        ("ana@ex\uff41mple.org", "example.org", True),
        ('"ana@example.org"@evil.net', "example.org", False),
        ("ana@[127.0.0.1]", "*.0.0.1", False),
        ("ana", "example.org", False),
        ("ana@", "example.org", False),
        ("ana@" + "a" * 80 + ".org", "*.org", False),
        ("ana@example.org", "", False),
    ],
)
def test_a_domain_is_listed_or_not(email: str, lines: str, listed: bool) -> None:
    assert is_listed(email, lines) is listed


def test_a_domain_is_what_mail_is_delivered_to() -> None:
    assert domain_of("ana@BÜCHER.example") == "xn--bcher-kva.example"
    assert domain_of("nobody") == ""


def test_the_policy_decides(db: None) -> None:
    set_to("registration.domains", "example.org")
    for policy, strangers, colleagues, invited in (
        ("off", False, False, False),
        ("invitation", False, False, True),
        ("domains", False, True, True),
        ("open", True, True, True),
    ):
        set_to("registration.policy", policy)
        assert (may_register("a@example.net"), may_register("a@example.org")) == (strangers, colleagues)
        assert (is_offered(), may_invite()) == (colleagues, invited)
