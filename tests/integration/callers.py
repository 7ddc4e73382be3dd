"""Callers of the proxy over real sockets: raw HTTP/1.1, so that a test sees every byte and costs little."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httptools
import msgspec


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def attempts(self) -> list[tuple[str, int, str]]:
        """`Penstock-Attempts` as (application, tier, outcome)."""
        value = self.headers.get("penstock-attempts", "")
        return [_attempt(part) for part in value.split(", ") if part]


def _attempt(part: str) -> tuple[str, int, str]:
    application, *pairs = part.split(";")
    fields = dict(pair.split("=") for pair in pairs)
    return application, int(fields["tier"]), fields["outcome"]


class Gone(Exception):
    """The connection ended before the whole answer."""


class Caller(asyncio.Protocol):
    """One kept-alive connection; `ask` sends bytes and waits for one answer."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Response] | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, data: bytes) -> asyncio.Future[Response]:
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        if self.gone:
            self._waiting.set_exception(Gone())
        else:
            self._transport.write(data)
        return self._waiting

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        response = Response(self._parser.get_status_code(), self._headers, b"".join(self._body))
        self._headers, self._body = {}, []
        if response.status == 100:
            return
        waiting, self._waiting = self._waiting, None
        assert waiting is not None, "an answer that nobody asked for"
        if not waiting.done():
            waiting.set_result(response)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Gone(repr(exc)))


@asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    """A caller connected to a port of loopback."""
    _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", port)
    try:
        yield caller
    finally:
        caller.close()


def infer(body: bytes, *fields: str, model: str = "m", method: str = "POST", path: str = "/infer") -> bytes:
    """The bytes of a request."""
    lines = [f"{method} /v2/models/{model}{path} HTTP/1.1", "Host: penstock", f"Content-Length: {len(body)}"]
    return ("\r\n".join([*lines, *fields]) + "\r\n\r\n").encode() + body


def labelled(*labels: int | str, **more: Any) -> bytes:
    """A JSON body that `json-field` with `parameters.label` labels."""
    text = ",".join(map(str, labels))
    tensor = {"name": "x", "datatype": "INT32", "shape": [1], "data": [1]}
    return msgspec.json.encode({"parameters": {"label": text}, "inputs": [tensor], **more})


async def ask(port: int, data: bytes) -> Response:
    """One request over a connection of its own."""
    async with calling(port) as caller:
        return await caller.ask(data)


async def get(port: int, path: str, method: str = "GET") -> Response:
    """One bodyless request."""
    return await ask(port, f"{method} {path} HTTP/1.1\r\nHost: penstock\r\n\r\n".encode())


async def ask_many(
    port: int, requests: Iterator[bytes], heard: Callable[[Response], None], connections: int = 16
) -> None:
    """Send all requests over some connections, each waiting for its answer before its next."""

    async def one() -> None:
        async with calling(port) as caller:
            for data in requests:
                heard(await caller.ask(data))

    await asyncio.gather(*(one() for _ in range(connections)))


async def eventually(look: Callable[[], Awaitable[bool]], within_s: float, what: str) -> None:
    """Wait until something is so; fail with its name when it is not."""
    try:
        async with asyncio.timeout(within_s):
            while not await look():  # noqa: ASYNC110 - what is looked at is in another process
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {what}") from None
