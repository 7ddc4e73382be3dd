"""Servers for the generator's tests, in the test's own loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Upstream(asyncio.Protocol):
    """Does with each request what `answer` does."""

    def __init__(self, answer: Callable[["Upstream"], None]) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._answer(self)

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)


@asynccontextmanager
async def serving(answer: Callable[[Upstream], None]) -> AsyncIterator[int]:
    """The port of a server that answers so."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Upstream(answer), "127.0.0.1", 0, backlog=1_024
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


class Freezing:
    """Answers at once, but for a time from `at_s` on, in which it answers nobody; then all who wait."""

    def __init__(self, at_s: float, for_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._held: list[Upstream] = []
        self._frozen = False
        loop.call_later(at_s, self._freeze)
        loop.call_later(at_s + for_s, self._thaw)

    def __call__(self, upstream: Upstream) -> None:
        if self._frozen:
            self._held.append(upstream)
        else:
            upstream.write(GOOD)

    def _freeze(self) -> None:
        self._frozen = True

    def _thaw(self) -> None:
        self._frozen = False
        for upstream in self._held:
            upstream.write(GOOD)
