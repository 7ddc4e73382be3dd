"""Health checks over real sockets: what a server says of itself, and what it does, are two things."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from tests.integration.apps import RunningApp, running
from tests.integration.callers import ask, eventually, get, infer, labelled

TABLE = """
version: 1
labelers: [{use: json-field, path: parameters.label}]
applications:
  first: {endpoints: ONE, health: {path: /v2/health/ready, every: 40, timeout: 2000, down: 2, up: 2}}
  second: {endpoints: TWO}
routes:
  - {application: first, timeout: 5000, weight: 1, priority: 0, clusterType: http, label: [7]}
  - {application: second, timeout: 5000, weight: 1, priority: 1, clusterType: http, label: [7]}
"""
WITHIN_S = 20.0


class Server:
    """A model server that can be well by its word, by its deeds, by both or by neither."""

    def __init__(self) -> None:
        self.ready = True
        self.serves = True
        self.asked = 0
        self.url = ""

    def answer(self, asks: bool) -> bytes:
        self.asked += asks
        if self.ready if asks else self.serves:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Ward(asyncio.Protocol):
    """One connection: as much HTTP as the proxy speaks to it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if end and len(body) >= (int(lengths[0].split(b":")[1]) if lengths else 0):
            self._read = b""
            self._transport.write(self._server.answer(asks=head.startswith(b"GET /v2/health/ready ")))


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.get_running_loop().create_server(lambda: Ward(server), "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


@asynccontextmanager
async def proxied(folder: Path) -> AsyncIterator[tuple[RunningApp, Server, Server, Path]]:
    async with serving() as one, serving() as two:
        table = folder / "table.yaml"
        table.write_text(TABLE.replace("ONE", one.url).replace("TWO", two.url))
        async with running(table) as app:
            yield app, one, two, table


async def answered_by(app: RunningApp) -> str:
    return (await ask(app.port, infer(labelled(7)))).headers["penstock-application"]


async def test_a_server_that_serves_but_says_it_is_not_well_gets_no_requests(tmp_path: Path) -> None:
    """It is about to go, or its model is: it knows best. Back again it is served again."""
    async with proxied(tmp_path) as (app, one, _, _):
        assert await answered_by(app) == "first"
        one.ready = False
        await eventually(lambda: _is(app, "second"), WITHIN_S, "the second tier answers")
        response = await ask(app.port, infer(labelled(7)))
        assert response.headers["penstock-passed-over"] == "first;reason=health"
        assert response.attempts == [("second", 1, "ok")]
        page = (await app.admin("/metrics")).body.decode()
        assert 'penstock_endpoints_down{application="first"} 1.0' in page
        told = {each["id"]: each for each in (await app.admin("/v1/applications")).json["applications"]}
        assert (told["first"]["down"], told["second"]["down"]) == ([one.url], [])
        one.ready = True
        await eventually(lambda: _is(app, "first"), WITHIN_S, "the first tier answers again")


async def test_a_server_that_says_it_is_well_but_does_not_serve_falls_through(tmp_path: Path) -> None:
    """That is the breaker's to judge: its word sets nothing right."""
    async with proxied(tmp_path) as (app, one, _, _):
        one.serves = False
        asked = one.asked
        await eventually(lambda: _asked(one, asked + 3), WITHIN_S, "it is asked")
        response = await ask(app.port, infer(labelled(7)))
        assert response.attempts == [("first", 0, "failed"), ("second", 1, "ok")]


async def test_a_server_that_the_table_dropped_is_asked_no_more(tmp_path: Path) -> None:
    """And the one that stays is asked on, whatever is reloaded."""
    async with proxied(tmp_path) as (app, one, two, table):
        await eventually(lambda: _asked(one, 3), WITHIN_S, "it is asked")
        table.write_text(table.read_text().replace(one.url, two.url + "/moved"))
        assert (await app.app.reloader.reload("test")).value == "accepted"
        after = one.asked
        table.write_text(table.read_text().replace(two.url + "/moved", one.url))
        assert (await app.app.reloader.reload("test")).value == "accepted"
        await eventually(lambda: _asked(one, after + 3), WITHIN_S, "it is asked again")
        assert (await get(app.port, "/v2/health/ready")).status == 200


async def _is(app: RunningApp, name: str) -> bool:
    return await answered_by(app) == name


async def _asked(server: Server, times: int) -> bool:
    return server.asked >= times
