"""The log line of a request says where, not what somebody looked for."""

import pytest
import structlog
from django.test import Client

from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/conversations/", "/nothing/here/", "/healthz"])
def test_words_searched_for_are_in_no_line(client: Client, address: str) -> None:
    with structlog.testing.capture_logs() as lines:
        for visitor in (client, client_of(make_user(role="admin"))):
            visitor.get(address, {"q": "canary-words"})
    said = [line["request"] for line in lines if "request" in line]
    assert f"GET {address}" in said
    assert "canary-words" not in str(lines)
