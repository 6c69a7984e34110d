from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rbac.actions import seed_system_roles
from tests.access.rows import Rows, rows_of_house
from tests.access.table import Line, lines


@pytest.fixture(scope="session")
def every_line() -> list[Line]:
    return lines()


@pytest.fixture
def house(db: None) -> Rows:
    """What belongs to nobody in particular."""
    seed_system_roles()
    return rows_of_house()


@pytest.fixture
def plain_refusals(settings: Any) -> None:
    """Pages of refusals without their words, which have tests of their own: most requests here end in one."""
    engine = settings.TEMPLATES[0]
    settings.TEMPLATES = [{**engine, "DIRS": [Path(__file__).parent / "plain", *engine["DIRS"]]}]
