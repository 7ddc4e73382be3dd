"""The life of a stub, what it counts, and the endpoints of a healthy one."""

import asyncio
import json
from collections.abc import Callable

import pytest

from sim.stubs.behaviours import Drip, Latency, Never, Ok, Refuse, Reset, Sequence, Slots, Status
from sim.stubs.server import StubServer
from tests.integration.callers import eventually
from tests.integration.processes.families import so


class HandTimers:
    """Timers that the test fires; `armed` counts those that were ever set."""

    def __init__(self) -> None:
        self.pending: list[HandTimer] = []
        self.delays_s: list[float] = []
        self._armed = asyncio.Semaphore(0)

    def after(self, delay_s: float, fire: Callable[[], None]) -> "HandTimer":
        timer = HandTimer(fire, self.pending)
        self.pending.append(timer)
        self.delays_s.append(delay_s)
        self._armed.release()
        return timer

    async def fire(self) -> None:
        """Wait until one is set, and fire the oldest."""
        await self._armed.acquire()
        self.pending.pop(0).fire()


class HandTimer:
    def __init__(self, fire: Callable[[], None], pending: list["HandTimer"]) -> None:
        self.fire = fire
        self._pending = pending

    def cancel(self) -> None:
        self._pending.remove(self)


async def _until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it holds; a test that waits in vain is ended by the run's own limit."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the counts of a stub are plain numbers
            await asyncio.sleep(0)


async def test_a_request_is_kept_as_it_arrived(stub, ask) -> None:
    """Tests of the proxy look here for what really reached a model server."""
    await ask()
    (call,) = stub.calls
    assert (call.method, call.target, call.model) == ("POST", "/v2/models/risk/infer", "risk")
    assert call.headers["x-request-id"] == "r-1"
    assert call.body == b'{"id": "77", "inputs": []}'


async def test_no_more_calls_are_kept_than_asked_for_but_all_are_counted(message) -> None:
    """A soak of an hour must not end in an hour's bodies."""
    async with StubServer("small", calls_kept=2) as stub:
        _, writer = await asyncio.open_connection("127.0.0.1", stub.port)
        writer.write(message * 5)
        await _until(lambda: stub.received == 5)
        writer.close()
    assert len(stub.calls) == 2


async def test_pipelined_requests_are_answered_in_order(ask) -> None:
    """What answers out of order would hand one caller's verdict to another."""
    requests = b"".join(b"GET /v2/models/m%d HTTP/1.1\r\nHost: s\r\n\r\n" % number for number in range(20))
    names = [
        json.loads(part.partition(b"\r\n\r\n")[2])["name"]
        for part in (await ask(requests)).split(b"HTTP/1.1 ")[1:]
    ]
    assert names == [f"m{number}" for number in range(20)]


async def test_requests_of_several_connections_are_in_flight_at_once(stub, message) -> None:
    """The peak is the witness of every concurrency limit."""
    stub.behave(Never())
    writers = []
    for _ in range(3):
        writers.append((await asyncio.open_connection("127.0.0.1", stub.port))[1])
        writers[-1].write(message)
    await _until(lambda: stub.inflight == 3)
    for writer in writers:
        writer.close()
    await _until(lambda: stub.inflight == 0)
    assert (stub.inflight_peak, stub.abandoned, stub.received) == (3, 3, 3)


async def test_a_client_that_has_its_answer_has_abandoned_nothing(stub, ask) -> None:
    """Counting each closed connection would hide the calls that were really given up."""
    await ask()
    assert (stub.received, stub.abandoned, stub.inflight) == (1, 0, 0)


async def test_latency_passes_on_the_clock_that_was_handed_in(message) -> None:
    """No test of a slow server needs to be slow."""
    timers = HandTimers()
    async with StubServer("slow", Latency(delay=40.0), timers=timers) as stub:
        reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
        writer.write(message)
        await timers.fire()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert timers.delays_s == [40.0]


async def test_drip_sends_one_byte_for_each_turn_of_the_clock(message) -> None:
    """A server that is alive on the wire and dead to its users."""
    timers = HandTimers()
    async with StubServer("slow", Drip(interval_s=7.0), timers=timers) as stub:
        reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
        writer.write(message)
        for byte in b"HTTP/1.1":
            assert await reader.read(100) == bytes((byte,))
            await timers.fire()
        writer.close()
    assert set(timers.delays_s) == {7.0}


async def test_a_pause_is_forgotten_when_its_client_leaves(message) -> None:
    """Else a thousand given-up calls keep a thousand timers."""
    timers = HandTimers()
    async with StubServer("slow", Latency(delay=40.0), timers=timers) as stub:
        _, writer = await asyncio.open_connection("127.0.0.1", stub.port)
        writer.write(message)
        await _until(lambda: bool(timers.pending))
        writer.close()
        await _until(lambda: stub.abandoned == 1)
        assert not timers.pending


async def test_behaviour_changes_between_two_requests_of_one_connection(stub, message) -> None:
    """A server falls sick while its connections stay."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
    for behaviour, status in ((Status(code=503), b"503"), (Ok(), b"200"), (Status(code=429), b"429")):
        stub.behave(behaviour)
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        assert head.split()[1] == status
    writer.close()
    assert stub.accepted == 1


async def test_restart_keeps_the_port_and_begins_the_behaviour_anew(stub, ask) -> None:
    """A new process has no memory."""
    port = stub.port
    stub.behave(Sequence(behaviours=(Status(code=500), Ok())))
    statuses = [(await ask()).split()[1], (await ask()).split()[1]]
    await stub.restart()
    statuses.append((await ask()).split()[1])
    assert statuses == [b"500", b"200", b"500"]
    assert stub.port == port


async def test_a_stub_that_was_stopped_starts_again_where_it_was(stub, ask) -> None:
    """The address stands in a routing table, which does not change because a process ended."""
    port = stub.port
    await stub.stop()
    with pytest.raises(ConnectionRefusedError):
        await ask()
    await stub.start()
    assert (await ask()).startswith(b"HTTP/1.1 200")
    assert stub.port == port


async def test_a_stub_may_begin_by_refusing(message) -> None:
    """A table may name an endpoint that is not up yet."""
    async with StubServer("late", Refuse()) as stub:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", stub.port)
        stub.behave(Ok())
        reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
        writer.write(message)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_quick_changes_of_mind_end_as_the_last_one_says(stub, ask) -> None:
    """Listening and not listening take effect at once, though accepting needs a turn of the loop."""
    for _ in range(5):
        stub.behave(Refuse())
        stub.behave(Ok())
    assert (await ask()).startswith(b"HTTP/1.1 200")
    stub.behave(Ok())
    stub.behave(Refuse())
    with pytest.raises(ConnectionRefusedError):
        await ask()


async def test_two_stubs_never_share_a_port(stub) -> None:
    """The kernel would share the connections out between them, and each test would see half."""
    with pytest.raises(OSError, match="in use"):
        await StubServer("second", port=stub.port).start()


async def test_a_behaviour_that_cannot_be_carried_out_changes_nothing(stub, ask) -> None:
    """Half a change would leave the test wondering which half."""
    with pytest.raises(ValueError, match="refuse"):
        stub.behave(Sequence(behaviours=(Reset(), Refuse())))
    assert stub.behaviour == Ok()
    assert (await ask()).startswith(b"HTTP/1.1 200")


async def test_what_is_at_work_for_clients_that_have_gone_counts_as_work(stub, message) -> None:
    """A server that has no notion of its clients works on: its peak is not that of its open connections."""
    stub.behave(Slots(slots=2, delay=30.0))
    for gone in (1, 2, 3):
        _, writer = await asyncio.open_connection("127.0.0.1", stub.port)
        writer.write(message)
        await eventually(lambda gone=gone: so(stub.received == gone), 10, "received")
        writer.transport.abort()
        await eventually(lambda: so(not stub.inflight), 10, "seen to be gone")
    assert (stub.inflight_peak, stub.work_peak) == (1, 3)


@pytest.mark.parametrize(("later_s", "at_once"), [(0.019, 2), (0.02, 1)])
async def test_work_that_ends_now_has_ended(later_s: float, at_once: int) -> None:
    """By clocks that count milliseconds: their sums and differences are not exact."""
    stub = StubServer()
    stub._work(4282.448, 0.020000000001346052)  # as it came out
    stub._work(4282.448 + later_s, 0.02)
    assert stub.work_peak == at_once


async def test_what_is_not_http_is_refused(ask) -> None:
    """The stub is a server like others: the proxy's own bytes are looked at too."""
    assert (await ask(b"\x00\x01\x02\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_a_client_that_asks_for_it_has_its_connection_closed(stub, message) -> None:
    """`Connection: close` is the client's word as well as the server's."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
    writer.write(message.replace(b"Host:", b"Connection: close\r\nHost:"))
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize(
    ("request_line", "status", "expected"),
    [
        ("GET /v2", 200, {"name": "alpha", "version": "1", "extensions": ["binary_tensor_data"]}),
        ("GET /v2/health/live", 200, {}),
        ("GET /v2/health/ready", 200, {}),
        ("GET /v2/models/risk/ready", 200, {}),
        ("GET /v2/models/risk/versions/3/ready", 200, {}),
        ("GET /metrics", 404, {"error": "a stub has no GET /metrics"}),
        ("POST /v2/models/risk", 404, {"error": "a stub has no POST /v2/models/risk"}),
    ],
)
async def test_the_endpoints_of_a_healthy_server(ask, request_line, status, expected) -> None:
    """What a client asks before it sends an inference."""
    head, _, body = (await ask(f"{request_line} HTTP/1.1\r\nHost: s\r\n\r\n".encode())).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert json.loads(body) == expected


@pytest.mark.parametrize(
    ("fields", "body", "expected"),
    [
        ("", b'{"id": "seven", "inputs": []}', "seven"),
        ("Inference-Header-Content-Length: 11\r\n", b'{"id": "8"}\x00\xff\x00', "8"),
        ("", b'{"inputs": []}', None),
        ("", b"\xff\xd8 a picture", None),
        ("", b'{"id": 7}', None),
    ],
)
async def test_the_id_of_the_request_comes_back(ask, fields, body, expected) -> None:
    """Also from before binary tensors; and a body that is no JSON is no reason to fail."""
    head = f"POST /v2/models/risk/versions/2/infer HTTP/1.1\r\nHost: s\r\n{fields}"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    answer = json.loads((await ask(head.encode() + body)).partition(b"\r\n\r\n")[2])
    assert answer.get("id") == expected
    assert answer["model_name"] == "risk"
