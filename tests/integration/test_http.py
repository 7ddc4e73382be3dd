"""HTTP/1.1 over real sockets, as callers and model servers use it: leaving, announcing, closing early."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from sim.stubs.behaviours import Echo, Never, Ok, Reset, Sequence, SilentClose
from sim.stubs.server import StubServer
from tests.integration.apps import RunningApp, running
from tests.integration.callers import calling, eventually, infer

TABLE = """
version: 1
applications:
  1: {{endpoints: "{one}", concurrency: 8}}
routes:
  - {{application: 1, timeout: 20000, weight: 1, priority: 0, clusterType: http, label: "*"}}
"""
CHUNKED = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
LAST = b"GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Proxied:
    """A proxy, and the one model server behind it."""

    def __init__(self, app: RunningApp, one: StubServer) -> None:
        self.app = app
        self.one = one

    async def in_flight(self) -> int:
        (state,) = (await self.app.admin("/v1/applications")).json["applications"]
        return int(state["in_flight"])


@pytest.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Proxied]:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(StubServer("one"))
        table = tmp_path / "table.yaml"
        table.write_text(TABLE.format(one=one.url))
        yield Proxied(await stack.enter_async_context(running(table)), one)


@asynccontextmanager
async def connected(proxied: Proxied) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxied.app.port)
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()


# -- callers ------------------------------------------------------------------------------------------


async def test_a_caller_that_closes_its_side_has_left_and_its_request_is_given_up(proxied: Proxied) -> None:
    """As nginx and Go see it. The permit comes back, and the model server is let go."""
    proxied.one.behave(Never())
    async with connected(proxied) as (reader, writer):
        writer.write(infer(b"{}"))

        async def begun() -> bool:
            return proxied.one.received == 1

        await eventually(begun, 5, "the request at its model server")
        assert await proxied.in_flight() == 1
        writer.write_eof()
        assert await reader.read() == b""

        async def given_up() -> bool:
            return await proxied.in_flight() == 0 and proxied.one.connections == 0

        await eventually(given_up, 5, "the permit back and the connection closed")


async def test_a_caller_that_closes_its_side_half_way_through_a_request_is_not_served(
    proxied: Proxied,
) -> None:
    """Half a body is none."""
    async with connected(proxied) as (reader, writer):
        writer.write(infer(b"hello")[:-1])
        writer.write_eof()
        assert await reader.read() == b""
    assert proxied.one.received == 0


async def test_a_caller_that_announces_its_body_is_told_to_send_it(proxied: Proxied) -> None:
    """And the announcement is not passed on: the model server gets the body at once."""
    proxied.one.behave(Echo())
    async with connected(proxied) as (reader, writer):
        writer.write(infer(b"hello", "Expect: 100-continue")[: -len(b"hello")])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert proxied.one.received == 0
        writer.write(b"hello" + LAST)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\nhelloHTTP/1.1 200 " in answer
    assert "expect" not in proxied.one.calls[0].headers


async def test_a_caller_whose_announced_body_is_too_large_is_told_before_it_sends(proxied: Proxied) -> None:
    """That is what the announcement is for."""
    async with connected(proxied) as (reader, writer):
        writer.write(CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: 99999999999"))
        writer.write(b"Expect: 100-continue\r\n\r\n")
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_trailers_and_chunks_come_to_a_plain_body_of_a_length(proxied: Proxied) -> None:
    """A model server sees neither; a trailer may not say what the head did not."""
    proxied.one.behave(Echo())
    async with connected(proxied) as (reader, writer):
        writer.write(
            CHUNKED + b"\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\nAuthorization: theirs\r\n\r\n"
        )
        writer.write(LAST)
        answer = await reader.read()
    assert b"\r\n\r\nhelloHTTP/1.1 200 " in answer
    (call,) = proxied.one.calls
    assert call.headers["content-length"] == "5"
    assert not {"transfer-encoding", "trailer", "x-sum", "authorization"} & set(call.headers)


# -- model servers ------------------------------------------------------------------------------------


async def test_a_model_server_that_closes_its_idle_connections_costs_no_request(proxied: Proxied) -> None:
    """Servers may, whenever they like."""
    proxied.one.behave(SilentClose())
    async with calling(proxied.app.port) as caller:
        for _ in range(50):
            response = await caller.ask(infer(b"{}"))
            assert (response.status, response.attempts[0][2]) == (200, "ok")
    assert proxied.one.received == 50


async def test_a_kept_connection_that_ends_just_as_it_is_used_again_costs_no_attempt(
    proxied: Proxied,
) -> None:
    """Without a byte of an answer it is asked once more over a new one, and the caller sees nothing."""
    proxied.one.behave(Sequence(behaviours=(Ok(), Reset()), cycle=True))
    async with calling(proxied.app.port) as caller:
        for _ in range(20):
            response = await caller.ask(infer(b"{}"))
            assert response.status == 200
            assert [(application, tier) for application, tier, _ in response.attempts] == [("1", 0)]
    assert proxied.one.received == 39
    assert proxied.one.accepted == 20


async def test_a_new_connection_that_ends_without_an_answer_is_a_failed_attempt(proxied: Proxied) -> None:
    """It may have been the request that killed the server: it is not asked again, but parked."""
    proxied.one.behave(Reset())
    async with calling(proxied.app.port) as caller:
        response = await caller.ask(infer(b"{}"))
    assert (response.status, response.attempts) == (202, [("1", 0, "reset")])
    assert proxied.one.received == 1


async def test_a_model_server_that_was_restarted_costs_no_request(proxied: Proxied) -> None:
    """All kept connections are dead at once."""
    async with calling(proxied.app.port) as caller:
        assert (await caller.ask(infer(b"{}"))).status == 200
        await proxied.one.restart()
        response = await caller.ask(infer(b"{}"))
    assert (response.status, response.attempts) == (200, [("1", 0, "ok")])
