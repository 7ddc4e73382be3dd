"""A stub, and proxies of several processes over it that end with the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sim.stubs.server import StubServer
from tests.integration.processes.families import (
    TABLE,
    FamilyProcess,
    Start,
)


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with StubServer("stub", calls_kept=100_000) as stub:
        yield stub


@pytest.fixture
async def start(stub: StubServer, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a proxy of two processes over the stub; `limits` are the application's."""
    started: list[FamilyProcess] = []

    async def start(*, limits: str = "", queue: str = "memory://", processes: int = 2) -> FamilyProcess:
        path = tmp_path / "table.yaml"
        path.write_text(TABLE.format(url=stub.url, limits=limits))
        proxy = FamilyProcess(path, queue, tmp_path / "log", processes=processes)
        started.append(proxy)
        await proxy.start()
        return proxy

    yield start
    for proxy in started:
        await proxy.stop()
