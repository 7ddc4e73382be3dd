"""The generator of constant rate."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from sim.bench.peers.openloop import CONNECTIONS, WARM_UP_S, OpenLoop, quantile

REQUEST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """Answers each request as `answer` says; an empty answer closes."""

    def __init__(self, answer: Callable[["Upstream"], None]) -> None:
        self._answer = answer

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._answer(self)


@pytest.fixture
async def serve() -> AsyncIterator[Callable]:
    servers = []

    async def start(answer: Callable[[Upstream], None]) -> int:
        server = await asyncio.get_running_loop().create_server(lambda: Upstream(answer), "127.0.0.1", 0)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (0.999, 100), (1.0, 100), (0.0, 1), (0.001, 1)]
)
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(share, expected) -> None:
    """Of a hundred values the 99th is the p99, not the 98th or the 100th."""
    assert quantile([float(value) for value in range(1, 101)], share) == expected


def test_the_quantile_of_nothing_is_0() -> None:
    """A peer that answered nothing has errors, not a division by zero."""
    assert quantile([], 0.99) == 0.0


async def test_every_request_of_the_schedule_is_sent_and_counted_but_for_the_warm_up(serve) -> None:
    """The rate is the schedule's, not what the peer allows."""
    port = await serve(lambda line: line.transport.write(GOOD))
    generator = OpenLoop([REQUEST], 500.0)
    told = await generator.run(port, 0.2)
    assert len(generator.latencies_s) == round((WARM_UP_S + 0.2) * 500)
    assert (told.requests, told.errors) == (100, 0)


async def test_what_waits_for_a_free_connection_counts_from_when_it_was_due(serve) -> None:
    """A stalled peer must not hide the requests that it kept from being sent."""
    held: list[Upstream] = []
    released_s = 0.0

    def answer(line: Upstream) -> None:
        if released_s:
            line.transport.write(GOOD)
        else:
            held.append(line)

    def release() -> None:
        nonlocal released_s
        released_s = time.monotonic()
        for line in held:
            line.transport.write(GOOD)

    port = await serve(answer)
    asyncio.get_running_loop().call_later(WARM_UP_S + 0.3, release)
    generator = OpenLoop([REQUEST], 1000.0)
    told = await generator.run(port, 0.1)
    assert len(held) == CONNECTIONS
    assert (told.requests, told.errors) == (100, 0)
    assert all(due_s + span_s >= released_s for due_s, span_s in generator.latencies_s)


async def test_other_answers_than_2xx_are_errors(serve) -> None:
    """A fast 503 is no good latency."""
    port = await serve(lambda line: line.transport.write(BAD))
    generator = OpenLoop([REQUEST], 200.0)
    told = await generator.run(port, 0.1)
    assert (told.requests, told.errors) == (0, round((WARM_UP_S + 0.1) * 200))


async def test_a_connection_that_the_peer_closes_is_an_error(serve) -> None:
    """Each of them costs one request; the rest go over the others."""
    lines = 0

    def answer(line: Upstream) -> None:
        nonlocal lines
        lines += 1
        if lines <= 3:
            line.transport.abort()
        else:
            line.transport.write(GOOD)

    port = await serve(answer)
    generator = OpenLoop([REQUEST], 200.0)
    told = await generator.run(port, 0.1)
    assert told.errors == 3
    assert len(generator.latencies_s) == round((WARM_UP_S + 0.1) * 200) - 3


async def test_the_requests_are_sent_in_turn(serve) -> None:
    """Each label is asked for."""
    seen: list[bytes] = []

    class Recorder(Upstream):
        def data_received(self, data: bytes) -> None:
            seen.append(data)
            self.transport.write(GOOD)

    server = await asyncio.get_running_loop().create_server(lambda: Recorder(lambda _: None), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    other = REQUEST.replace(b"/", b"/x", 1)
    await OpenLoop([REQUEST, other], 100.0).run(port, 0.1)
    server.close()
    await server.wait_closed()
    assert abs(seen.count(REQUEST) - seen.count(other)) <= 1
    assert len(seen) == round((WARM_UP_S + 0.1) * 100)
