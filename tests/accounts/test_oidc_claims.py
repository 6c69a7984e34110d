"""What is used of the claims of a provider, whatever it writes into them."""

from __future__ import annotations

import pytest

from accounts.oidc.claims import read


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        (1_700_000_000, 1_700_000_000),
        (1_700_000_000.9, 1_700_000_000),
        (0, 0),
        (float("inf"), None),
        (float("nan"), None),
        (1e300, None),
        (10**400, None),
        (-1, None),
        (True, None),
        ("1700000000", None),
        (None, None),
    ],
)
def test_a_moment_is_one_that_can_be(said: object, taken: int | None) -> None:
    assert read({"sub": "s", "auth_time": said}, role_claim="").auth_time == taken
