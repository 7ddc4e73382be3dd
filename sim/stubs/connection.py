"""One connection to a stub: reads requests with llhttp, carries out the steps that the stub decides on.

One request is served at a time, in order; pipelined ones wait. It knows no behaviours.
"""

import asyncio
import itertools
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import Protocol, cast

import httptools

from proxy.ports import Timer, Timers
from sim.stubs.answers import Answer
from sim.stubs.performance import Abort, End, Hang, Send, Step, Wait
from sim.stubs.received import Received

_BAD = Answer(status=400, body=b'{"error": "not HTTP/1.1"}', headers=(("Connection", "close"),)).encode()
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class Desk(Protocol):
    """What a connection asks of its stub."""

    def open(self, connection: "Connection") -> None:
        """A client connected."""
        ...

    def closed(self, connection: "Connection") -> None:
        """The connection has ended."""
        ...

    def receive(self, request: Received) -> Iterator[Step]:
        """A request has arrived; the steps with which to meet it."""
        ...

    def finish(self, *, abandoned: bool) -> None:
        """The request's steps are done; `abandoned` when its client left before."""
        ...


class Connection(asyncio.Protocol):
    """The protocol of one connection. `timers` carry the pauses."""

    def __init__(self, desk: Desk, timers: Timers, loop: asyncio.AbstractEventLoop) -> None:
        self._desk = desk
        self._timers = timers
        self._now = loop.time
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Received] = deque()
        self._serving: Received | None = None
        self._steps: Iterator[Step] = iter(())
        self._pause: Timer | None = None
        self._blocked = False  # the client does not read as fast as the stub writes
        self._forget_message()

    def abort(self) -> None:
        """End the connection with a reset, as a process that died."""
        transport = self._transport
        if transport is None:
            return
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()

    # -- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone
        self._desk.open(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            assert self._transport is not None
            self._transport.write(_BAD)
            self._transport.close()
            return
        self._advance()

    def eof_received(self) -> None:
        return None  # a client that ends its side has left

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        if self._pause is not None:
            self._pause.cancel()
        self._steps = iter(())
        if self._serving is not None:
            self._serving = None
            self._desk.finish(abandoned=True)
        self._desk.closed(self)

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._advance()

    # -- httptools ----------------------------------------------------------------------------------

    def on_url(self, piece: bytes) -> None:
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        self._body.append(piece)

    def on_message_complete(self) -> None:
        request = Received(
            method=self._parser.get_method().decode("ascii"),
            target=self._target.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
            at_s=self._now(),
            keep_alive=self._parser.should_keep_alive(),
        )
        self._forget_message()
        self._waiting.append(request)

    def _forget_message(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    # -- serving ------------------------------------------------------------------------------------

    def _resume(self) -> None:
        self._pause = None
        self._advance()

    def _advance(self) -> None:
        """Carry out steps until one takes time, the client must read first, or nothing is left to do."""
        while self._transport is not None and not self._blocked and self._pause is None:
            if self._serving is None:
                if not self._waiting or self._transport.is_closing():
                    return
                self._serving = self._waiting.popleft()
                self._steps = self._desk.receive(self._serving)
            step = next(self._steps, None)
            if isinstance(step, Send):
                self._transport.write(step.data)
            elif isinstance(step, Wait):
                self._pause = self._timers.after(step.delay_s, self._resume)
            elif isinstance(step, Hang):
                self._steps = itertools.repeat(step)
                return
            else:
                self._end(self._transport, step)

    def _end(self, transport: asyncio.Transport, how: End | Abort | None) -> None:
        """The request is done; None: as far as the steps go, the connection may stay."""
        assert self._serving is not None
        keep_alive = how is None and self._serving.keep_alive
        self._serving = None
        self._desk.finish(abandoned=False)
        if isinstance(how, Abort):
            self.abort()
        elif not keep_alive:
            transport.close()
