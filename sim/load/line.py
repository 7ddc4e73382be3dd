"""One kept-alive connection of the client; at most one request is on its way on it. Bodies are not kept.

An answer without a length, which ends with its connection, counts as cut off.
"""

import asyncio
from typing import Protocol, cast

import httptools

from sim.load.answers import read_plain
from sim.load.ends import CUT, NOT_HTTP

NONE = -1
"""In place of a request's number: the connection is idle."""


class Desk(Protocol):
    """What a line tells whom."""

    def answered(self, line: "Line", number: int, status: int) -> None:
        """The answer to the request is whole, and the line free again."""
        ...

    def lost(self, line: "Line", number: int, end: int) -> None:
        """The line is gone, and with it the request that was on its way, NONE if there was none."""
        ...


class Line(asyncio.Protocol):
    """The protocol of one connection."""

    __slots__ = ("_desk", "_end", "_left", "_parser", "_status", "_transport", "_whole", "number")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._left = 0  # of a plain answer's body, bytes
        self._status = 0
        self._whole = False  # the parser has seen the answer's end
        self._end = CUT  # how a request ends that the connection's end cuts off
        self.number = NONE  # of the request on its way

    def send(self, request: bytes, number: int) -> None:
        """Send it now; the line must be idle."""
        self.number = number
        if self._transport is not None:
            self._transport.write(request)

    def abort(self, end: int = CUT) -> None:
        """Drop the connection; a request on its way has ended so."""
        self._end = end
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._more(len(data))
            return
        if self._parser is None:
            plain = read_plain(data)
            if plain is not None and self.number != NONE:
                self._status, self._left = plain
                self._more(0)
                return
            self._parser = httptools.HttpResponseParser(self)
        self._parse(self._parser, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        self._transport = None
        number, self.number = self.number, NONE
        self._desk.lost(self, number, self._end)

    # -- httptools ----------------------------------------------------------------------------------

    def on_message_complete(self) -> None:
        """An answer is whole, unless it was an interim one."""
        assert self._parser is not None
        self._status = self._parser.get_status_code()
        self._whole = self._status >= 200

    # -- the answer ---------------------------------------------------------------------------------

    def _more(self, received: int) -> None:
        self._left -= received
        if self._left == 0:
            number, self.number = self.number, NONE
            self._desk.answered(self, number, self._status)
        elif self._left < 0:
            self.abort(NOT_HTTP)

    def _parse(self, parser: httptools.HttpResponseParser, data: bytes) -> None:
        if self.number == NONE:  # nobody asked
            self.abort()
            return
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort(NOT_HTTP)
            return
        if not self._whole:
            return
        self._whole, self._parser = False, None
        number = self.number
        if parser.should_keep_alive():
            self.number = NONE
            self._desk.answered(self, number, self._status)
        else:
            self._end = self._status  # it ends well, and with it the connection
            self.abort(self._status)
