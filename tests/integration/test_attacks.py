"""Attacks over real sockets: on what reaches a model server, on what a caller can hold, on a drain."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sim.stubs.behaviours import Chunked, Continue100, Drip, Huge, Latency, Never, Ok, Reset, Sequence, Status
from sim.stubs.server import StubServer
from tests.integration.apps import RunningApp, no_tasks_left, running
from tests.integration.callers import ask, calling, eventually, get, infer

TABLE = """
version: 1
applications:
  1: {{endpoints: "{one}", concurrency: 64, headers: {{Authorization: ours}}}}
  2: {{endpoints: "{two}"}}
routes:
  - {{application: 1, timeout: 20000, weight: 1, priority: 0, clusterType: http, label: "*"}}
  - {{application: 2, timeout: 20000, weight: 1, priority: 1, clusterType: http, label: "*"}}
"""

HUGE_BYTES = 24 * 1024 * 1024


class Target:
    """The proxy under attack and its two model servers."""

    def __init__(self, app: RunningApp, one: StubServer, two: StubServer, table: Path) -> None:
        self.app = app
        self.port = app.port
        self.one = one
        self.two = two
        self.table = table

    async def at_rest(self) -> bool:
        """No permit is out, no connection to a model server carries anything."""
        states = (await self.app.admin("/v1/applications")).json["applications"]
        pools = [pool for each in self.app.app._engine._clusters.values() for pool in each._pools.values()]
        return not any(state["in_flight"] for state in states) and not any(pool.busy for pool in pools)


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Target]:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(StubServer("one"))
        two = await stack.enter_async_context(StubServer("two"))
        table = tmp_path / "table.yaml"
        table.write_text(TABLE.format(one=one.url, two=two.url))
        yield Target(await stack.enter_async_context(running(table)), one, two, table)


async def read_all(port: int, data: bytes) -> bytes:
    """All that is answered until the proxy closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


# -- what reaches a model server --------------------------------------------------------------------


async def test_fields_of_a_connection_and_of_the_proxy_do_not_reach_a_model_server(target: Target) -> None:
    """Nor does a second value for what the table sets."""
    fields = (
        *(
            "Connection: close, X-Named",
            "X-Named: 1",
            "Keep-Alive: 5",
            "Proxy-Authorization: secret",
            "TE: trailers",
        ),
        *(
            "Penstock-Deadline-Ms: 9000",
            "Penstock-Odd: 1",
            "Penstock-Rank: 77",
            "authorization: theirs",
            "X-Kept: yes",
        ),
        *("X-Request-Id: a b", "Expect: 100-continue"),
    )
    response = await ask(target.port, infer(b"{}", *fields))
    assert response.status == 200
    (call,) = target.one.calls
    assert set(call.headers) == {
        *("host", "x-request-id", "penstock-deadline-ms", "penstock-rank", "authorization", "x-kept"),
        "content-length",
    }
    assert call.headers["authorization"] == "ours"
    assert call.headers["penstock-rank"] != "77"
    assert call.headers["x-request-id"] == response.headers["x-request-id"] != "a b"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"Content-Length: 4\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 4", b"0\r\n\r\n"),
        (b"Transfer-Encoding : chunked\r\nContent-Length: 4", b"0\r\n\r\n"),
        (b"Content-Length: 5\r\nContent-Length: 0", b""),
        (b"X: 1\r\n Content-Length: 0", b""),
        (b"X: 1\nContent-Length: 0", b""),
        (b"X: 1\rContent-Length: 0", b""),
        (b"X: 1\x00\r\nContent-Length: 0", b""),
        (b"Transfer-Encoding: chunked", b"3\nabc\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"10000000000000000\r\n"),
        (b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 99999999999", b""),
    ],
)
async def test_what_two_servers_could_read_differently_is_refused_and_nothing_after_it_is_served(
    target: Target, fields: bytes, body: bytes
) -> None:
    """The request behind it would be another caller's."""
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n"
    answer = await read_all(target.port, head + body + infer(b"{}"))
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert (target.one.received, target.two.received) == (0, 0)


# -- what comes back --------------------------------------------------------------------------------


async def test_answers_of_every_kind_keep_their_places_on_one_connection(target: Target) -> None:
    """Chunked, announced by a 100, a refusal: none shifts the next."""
    behaviours = (Ok(), Chunked(), Continue100(), Status(code=404), Status(code=400))
    target.one.behave(Sequence(behaviours=behaviours, cycle=True))
    statuses = []
    async with calling(target.port) as caller:
        for number in range(40):
            response = await caller.ask(infer(b"{}", f"X-Request-Id: id-{number}"))
            assert response.headers["x-request-id"] == f"id-{number}"
            statuses.append(response.status)
    assert statuses == [200, 200, 200, 404, 400] * 8
    assert target.one.accepted == 1


async def test_a_head_is_answered_without_a_body_and_the_connection_goes_on(target: Target) -> None:
    """It is asked as a GET of the model server, whose answer has a body."""
    head = b"HEAD /v2/models/m HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = await read_all(target.port, head + head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    first, second, rest = answer.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    assert rest == b""
    assert {call.method for call in target.one.calls} == {"GET"}


async def test_callers_get_their_own_answers_while_others_leave_at_any_moment(target: Target) -> None:
    """A given-up call's answer must not be the next one's; and no permit, task or connection is lost."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    tasks_before = len(await no_tasks_left())
    target.one.behave(
        Latency(
            delay=0.003, then=Sequence(behaviours=(Ok(), Reset(), Chunked(), Drip(interval_s=0)), cycle=True)
        )
    )
    answered = 0

    async def one(number: int) -> None:
        nonlocal answered
        async with calling(target.port) as caller:
            asking = caller.ask(infer(b"{}", f"X-Request-Id: id-{number}"))
            if rng.random() < 0.5:
                await asyncio.sleep(rng.random() * 0.02)
                caller.close()
            else:
                response = await asking
                assert (response.status, response.headers["x-request-id"]) == (200, f"id-{number}")
                answered += 1
        asking.cancel()

    for batch in range(20):
        await asyncio.gather(*(one(batch * 40 + place) for place in range(40)))
    assert answered > 100
    await eventually(target.at_rest, 5, "every permit back")
    assert len(await no_tasks_left()) <= tasks_before + 2, await no_tasks_left()


# -- what a caller can hold -------------------------------------------------------------------------


async def test_a_flood_of_pipelined_requests_is_answered_in_order(target: Target) -> None:
    """Ten thousand in one write; the caller reads while they are answered."""
    requests = b"".join(
        b"GET /v2 HTTP/1.1\r\nHost: a\r\nX-Request-Id: %d\r\n\r\n" % number for number in range(10_000)
    )
    answer = await read_all(target.port, requests + b"GET /v2 HTTP/1.0\r\n\r\n")
    ids = [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"X-Request-Id")]
    assert ids[:-1] == [b"%d" % number for number in range(10_000)]


async def test_a_field_without_an_end_is_refused_soon(target: Target) -> None:
    """Else it fills the memory for as long as a head may take."""
    _, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(b"GET /v2 HTTP/1.1\r\nHost: a\r\nX: ")
    sent_bytes = 0
    try:
        while sent_bytes < 64 * 1024 * 1024:
            writer.write(b"a" * 65_536)
            sent_bytes += 65_536
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    assert sent_bytes < 32 * 1024 * 1024
    assert target.app.app._service._meters.faults[431] == 1
    writer.close()


# -- drains and reloads -----------------------------------------------------------------------------


async def test_a_drain_lets_a_slow_caller_have_the_rest_of_its_answer(tmp_path: Path) -> None:
    """The request has been served, but megabytes of the answer are still in the proxy's hands."""
    async with StubServer("one", Huge(body_bytes=HUGE_BYTES)) as one:
        table = tmp_path / "table.yaml"
        table.write_text(TABLE.format(one=one.url, two=one.url))
        async with running(table) as app:
            caller = socket.socket()
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            caller.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(caller, ("127.0.0.1", app.port))
            await loop.sock_sendall(caller, infer(b"{}"))
            received = len(await loop.sock_recv(caller, 65_536))  # the answer has begun
            stopping = asyncio.ensure_future(app.app.stop())
            await asyncio.sleep(0.3)
            while data := await loop.sock_recv(caller, 262_144):
                received += len(data)
            caller.close()
            assert received > HUGE_BYTES
            assert await stopping == 0


async def test_a_drain_answers_what_was_being_served_and_closes(target: Target) -> None:
    """What was pipelined behind it was never begun: its caller sees the end of the connection."""
    target.one.behave(Latency(delay=0.3))
    asking = asyncio.ensure_future(read_all(target.port, infer(b"{}") * 3))

    async def begun() -> bool:
        return target.one.received == 1

    await eventually(begun, 5, "the first request at its model server")
    assert await target.app.app.stop() == 0
    answer = await asking
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in answer


async def test_an_application_that_a_reload_removes_still_answers_what_it_was_asked(target: Target) -> None:
    """A request keeps the table it began with, and its permit is given back to the gate it came from."""
    target.one.behave(Latency(delay=0.3))
    asking = asyncio.ensure_future(ask(target.port, infer(b"{}")))

    async def begun() -> bool:
        return target.one.received == 1

    await eventually(begun, 5, "the request at its model server")
    text = target.table.read_text()
    target.table.write_text(
        "".join(line for line in text.splitlines(keepends=True) if "application: 1" not in line)
    )
    assert (await target.app.app.reloader.reload("test")).value == "accepted"
    target.one.behave(Never())
    assert (await ask(target.port, infer(b"{}"))).headers["penstock-application"] == "2"
    response = await asking
    assert (response.status, response.headers["penstock-application"]) == (200, "1")
    await eventually(target.at_rest, 5, "every permit back")


# -- the admin side ---------------------------------------------------------------------------------


async def test_the_admin_side_answers_nonsense_with_an_error_in_json(target: Target) -> None:
    """Unknown paths and ids, wrong methods, bodies that are no JSON."""
    port = target.app.admin_port
    for method, path in [
        ("GET", "/v1/../../etc/passwd"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
        ("POST", "/v1/applications/nobody/drain"),
        ("POST", "/v1/applications/..%2f1/drain"),
        ("DELETE", "/metrics"),
        ("POST", "/v1/explain"),
    ]:
        response = await get(port, path, method)
        assert 400 <= response.status < 500, (path, response)
        assert "error" in response.json
    for body in (b"{", b"[1]", b'{"labels": 7}', b'{"labels": [{}, null]}', b"\xff\xfe"):
        post = b"POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert (await ask(port, post + body)).status in (200, 400), body


async def test_a_page_of_another_site_cannot_run_code_through_an_operators_browser(
    target: Target, tmp_path: Path
) -> None:
    """A table names code, and a table is built to be validated; a browser sends such a POST unasked."""
    made = tmp_path / "made"
    body = (
        f'version: 1\nlabelers: [{{use: "builtins:open", file: "{made}", mode: w}}]\n'
        f'applications: {{1: {{endpoints: "http://h:1"}}}}\n'
    ).encode()
    head = b"POST /v1/table/validate HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://evil.example\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    response = await ask(target.app.admin_port, head % target.app.admin_port + length + body)
    assert response.status == 403
    assert "error" in response.json
    assert not made.exists()
