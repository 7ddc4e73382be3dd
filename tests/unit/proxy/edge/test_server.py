"""The data side's listening socket: its sweep, over real sockets and a clock that is moved by hand."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from proxy.edge import server as module
from proxy.edge.limits import EdgeLimits
from proxy.edge.server import HttpServer
from proxy.edge.service import Service
from proxy.observe.meters import Meters
from proxy.offline.memory import MemoryQueue
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.pipeline import ManualPipeline
from tests.unit.proxy.edge.callers import GET, post

LIMITS = EdgeLimits(head_s_max=10, receive_s_max=60, idle_s_max=75)


class Swept:
    """A server whose sweep runs often, on a clock that stands."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.meters = Meters()
        service = Service(
            pipeline=ManualPipeline(),
            queue=MemoryQueue(clock=self.clock),
            clock=self.clock,
            rng=random.Random(1),
            meters=self.meters,
            log=RecordingLog(),
            version="1",
        )
        self.server = HttpServer(service=service, limits=LIMITS, clock=self.clock, meters=self.meters)
        self.port = 0

    async def held(self, count: int) -> None:
        """Until the sweep has seen so many connections."""
        async with asyncio.timeout(10):
            while self.meters.connections != count:  # noqa: ASYNC110 - a gauge knows no events
                await asyncio.sleep(0.001)

    async def overdue(self, sent: bytes, after_s: float) -> bytes:
        """What a caller hears, to the end, that sends so much and then waits so long."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        await self.held(1)
        await asyncio.sleep(0.02)
        self.clock.time_s += after_s
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def swept(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Swept]:
    monkeypatch.setattr(module, "SWEEP_S", 0.001)
    swept = Swept()
    _, swept.port = await swept.server.start("127.0.0.1", 0)
    yield swept
    await swept.server.drain(0)


async def test_a_head_that_does_not_end_is_answered_408_and_the_connection_goes(swept: Swept) -> None:
    """Slow loris: a thousand of these would be a thousand connections held for nothing."""
    assert (await swept.overdue(GET[:-2], 11)).startswith(b"HTTP/1.1 408 ")
    swept.clock.time_s += LIMITS.linger_s_max + 1
    await swept.held(0)


async def test_a_body_that_does_not_end_is_answered_408(swept: Swept) -> None:
    """A body may take longer than a head, and no longer than its limit."""
    assert (await swept.overdue(post(b"hello")[:-1], 61)).startswith(b"HTTP/1.1 408 ")


async def test_drops_that_come_one_by_one_do_not_put_the_end_off(swept: Swept) -> None:
    """The limit is of the whole head: a byte now and then buys no time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", swept.port)
    writer.write(b"GET /v2 HTTP/1.1\r\n")
    await swept.held(1)
    for _ in range(11):
        writer.write(b"X: y\r\n")
        await asyncio.sleep(0.01)
        swept.clock.time_s += 1
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_an_idle_connection_is_closed_without_a_word(swept: Swept) -> None:
    """A 408 would answer the next request."""
    answer = await swept.overdue(GET, 76)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    await swept.held(0)


async def test_a_caller_in_time_is_left_alone(swept: Swept) -> None:
    """The sweep must not cut what keeps its limits."""
    reader, writer = await asyncio.open_connection("127.0.0.1", swept.port)
    writer.write(GET[:-2])
    await swept.held(1)
    await asyncio.sleep(0.02)
    swept.clock.time_s += 9
    await asyncio.sleep(0.02)
    writer.write(GET[-2:])
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
