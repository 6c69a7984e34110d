"""Two servers of one installation: what one writes is read and stopped at the other."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path

import pytest

from benchmarks.redis_server import program, redis_server
from benchmarks.steady import steady_model
from proofs.two_servers import LATER_SECONDS, STOPPED_SECONDS, measure, two_servers

NO_REDIS = "neither valkey-server nor redis-server is installed."


@pytest.mark.once
@pytest.mark.parametrize(
    "with_redis",
    [
        pytest.param(False, id="by the database"),
        pytest.param(True, id="by Redis", marks=pytest.mark.skipif(not program(), reason=NO_REDIS)),
    ],
)
def test_an_answer_is_read_whole_and_stopped_where_it_is_not_written(tmp_path: Path, *, with_redis: bool) -> None:
    with redis_server() if with_redis else nullcontext() as server, steady_model() as model_url:
        database = f"sqlite:///{tmp_path}/house.sqlite3"
        with two_servers(model_url, database, server.url if server else "") as (place, twin):
            found = asyncio.run(measure(place, twin, rounds=1))
    assert found.wrong == 0
    # Twice what the proof asks for on a quiet machine.
    assert max(found.later) <= 2 * LATER_SECONDS[with_redis]
    assert max(found.stopped) <= 2 * STOPPED_SECONDS[with_redis]
