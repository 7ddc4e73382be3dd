"""These tests run in virtual time: a wait for a timer costs none, however long it is."""

import asyncio
from collections.abc import Callable

import pytest

from tests.stand_ins.log import RecordingLog
from tests.stand_ins.virtual_loop import VirtualLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], VirtualLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


@pytest.fixture
async def time_stands() -> None:
    """The loop's time moves by `advance` alone: there are threads or sockets at work."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualLoop):  # a test that is no coroutine has none of these
        loop.jumps = False
