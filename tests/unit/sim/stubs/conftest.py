"""A stub and a raw client; each asynchronous test here runs on asyncio's loop and on uvloop's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
import uvloop

from sim.stubs.server import StubServer

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]
Ask = Callable[..., Awaitable[bytes]]
BODY = b'{"id": "77", "inputs": []}'


def pytest_asyncio_loop_factories() -> Loops:
    """The stubs are used under both: tests run on the first, the proxy and the benchmarks on the second."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with StubServer("alpha") as stub:
        yield stub
    assert stub.inflight == 0
    assert stub.connections == 0


@pytest.fixture
def message() -> bytes:
    """An inference request."""
    head = b"POST /v2/models/risk/infer HTTP/1.1\r\nHost: stub\r\nX-Request-Id: r-1\r\n"
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@pytest.fixture
def ask(stub: StubServer, message: bytes) -> Ask:
    """Send bytes (the inference request where none are given), end our side, read until the other ends."""

    async def send(data: bytes = message) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
        try:
            writer.write(data)
            writer.write_eof()
            return await reader.read()
        finally:
            writer.close()

    return send
