"""The TLS of a server: its handshakes over real sockets, on a clock that is moved by hand."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.certificate import context_of, read_certificate
from proxy.edge import server as module
from proxy.edge.handshakes import Handshakes
from proxy.edge.limits import EdgeLimits
from proxy.edge.server import HttpServer
from proxy.edge.service import Service
from proxy.observe.meters import Meters
from proxy.offline.memory import MemoryQueue
from tests.stand_ins.certificates import NAME, caller_context, self_signed
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.pipeline import ManualPipeline
from tests.unit.proxy.edge.callers import GET

LIMITS = EdgeLimits(connections_max=2)


class Secured:
    """A server with TLS whose sweep runs often, on a clock that stands."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.meters, self.log = ManualClock(), Meters(), RecordingLog()
        self.folder = folder
        files = self_signed(folder, "first")
        self.trusted = caller_context(files.chain)
        self.tls = Handshakes(
            context_of(read_certificate(files)), limits=LIMITS, clock=self.clock, log=self.log
        )
        service = Service(
            pipeline=ManualPipeline(),
            queue=MemoryQueue(clock=self.clock),
            clock=self.clock,
            rng=random.Random(1),
            meters=self.meters,
            log=self.log,
            version="1",
        )
        self.server = HttpServer(
            service=service, limits=LIMITS, clock=self.clock, meters=self.meters, tls=self.tls
        )
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def held(self, count: int) -> None:
        """Until the sweep has seen so many connections."""
        async with asyncio.timeout(10):
            while self.meters.connections != count:  # noqa: ASYNC110 - a gauge knows no events
                await asyncio.sleep(0.001)

    async def connect(
        self, context: ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = None if context is None else NAME
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname=name
        )
        self.writers.append(writer)
        return reader, writer


@pytest.fixture
async def secured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Secured]:
    monkeypatch.setattr(module, "SWEEP_S", 0.001)
    secured = Secured(tmp_path)
    _, secured.port = await secured.server.start("127.0.0.1", 0, secured=True)
    yield secured
    await secured.server.drain(0)
    for writer in secured.writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def dropped(reader: asyncio.StreamReader) -> bool:
    """Whether the server ends the connection, without having said anything."""
    async with asyncio.timeout(10):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(GET)
    async with asyncio.timeout(10):
        return await reader.readline()


async def test_a_caller_that_never_ends_its_handshake_is_dropped(secured: Secured) -> None:
    """In its time, with one line in the log; one that is in time is not."""
    reader, writer = await secured.connect(None)
    writer.write(b"\x16\x03\x01")  # begins like a greeting
    await secured.held(1)
    secured.clock.time_s += LIMITS.handshake_s_max - 1
    await asyncio.sleep(0.02)
    assert len(secured.tls) == 1
    secured.clock.time_s += 2
    assert await dropped(reader)
    await secured.held(0)
    assert secured.log.named("handshake_failed") == [{"reason": "not done in time"}]


async def test_handshakes_that_are_not_done_count_as_connections(secured: Secured) -> None:
    """Else whoever only connects would hold more than the limit allows."""
    silent = [await secured.connect(None) for _ in range(LIMITS.connections_max)]
    await secured.held(LIMITS.connections_max)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        await secured.connect(secured.trusted)
    silent[0][1].close()
    await secured.held(LIMITS.connections_max - 1)
    reader, writer = await secured.connect(secured.trusted)
    assert await answered(reader, writer) == b"HTTP/1.1 200 OK\r\n"
    await secured.held(LIMITS.connections_max)


async def test_failures_of_one_kind_are_logged_once_and_then_counted(secured: Secured) -> None:
    """A balancer that probes the port with plain HTTP must not fill the log."""
    for _ in range(5):
        reader, writer = await secured.connect(None)
        writer.write(GET)
        await dropped(reader)
    assert secured.log.named("handshake_failed") == [{"reason": "http request"}]
    secured.clock.time_s += 11
    async with asyncio.timeout(10):
        while len(secured.log.named("handshake_failed")) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert secured.log.named("handshake_failed")[1]["repeated"] == 4


async def test_who_connects_and_leaves_without_a_word_is_not_logged(secured: Secured) -> None:
    """So do probes of balancers, every second."""
    _, writer = await secured.connect(None)
    await secured.held(1)
    writer.close()
    await secured.held(0)
    assert secured.log.events == []


async def test_a_renewed_certificate_meets_new_connections_alone(secured: Secured) -> None:
    """A connection that is open goes on by the one that it began with."""
    old = await secured.connect(secured.trusted)
    files = self_signed(secured.folder, "second")
    secured.tls.renew(context_of(read_certificate(files)))
    with pytest.raises(ssl.SSLCertVerificationError):
        await secured.connect(secured.trusted)
    assert await answered(*old) == b"HTTP/1.1 200 OK\r\n"
    new = await secured.connect(caller_context(files.chain))
    assert await answered(*new) == b"HTTP/1.1 200 OK\r\n"


async def test_a_drain_ends_handshakes_that_are_not_done(secured: Secured) -> None:
    """They owe nobody an answer, and must not make a stop take its whole time."""
    reader, _ = await secured.connect(None)
    await secured.held(1)
    loop = asyncio.get_running_loop()
    drain = loop.create_task(secured.server.drain(60.0))
    while not drain.done():
        secured.clock.time_s += 0.05
        await asyncio.sleep(0.01)
        assert secured.clock.time_s < 1010
    assert drain.result() == 0
    assert await dropped(reader)
