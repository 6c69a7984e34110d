from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chat.model_server import ModelServer, running_model_server


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    with running_model_server() as server:
        yield server
