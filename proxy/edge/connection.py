"""One connection of a caller: HTTP/1.1 read with llhttp, one request served at a time, in order.

What arrives while a request is being served waits as bytes, bounded; then reading pauses. There are
no timers here: the server's sweep asks `overdue` once a second. A caller that closes its side has
left: its request is cancelled.
"""

import asyncio
from typing import cast

from proxy.batch import Batch
from proxy.edge.ahead import Ahead
from proxy.edge.caller import caller_of
from proxy.edge.hold import Hold
from proxy.edge.limits import PIECE_BYTES, EdgeLimits
from proxy.edge.message import Message
from proxy.edge.parser import Parser
from proxy.edge.reply import encode_answer
from proxy.edge.service import Serves, Serving
from proxy.heads import RequestReader
from proxy.heads.request import RequestHead
from proxy.messages import Answer
from proxy.ports import Clock
from proxy.problem import problem

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def plain_reader(limits: EdgeLimits) -> RequestReader:
    """Reads the heads of plain requests, for all connections of a server."""
    return RequestReader(limits.head_bytes_max, limits.target_bytes_max, limits.headers_max)


class Connection(asyncio.Protocol):
    """The protocol of one caller's connection."""

    def __init__(
        self,
        *,
        service: Serves,
        limits: EdgeLimits,
        clock: Clock,
        connections: "set[Connection]",
        plain: RequestReader | None = None,
        batch: Batch | None = None,
        hold: Hold | None = None,
    ) -> None:
        self._service = service
        self._batch = batch  # None: bytes are handled as they come
        self._hold = hold
        self._limits = limits
        self._plain = plain or plain_reader(limits)  # a server's connections share one
        self._now = clock.now
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._caller = ""
        self._parser: Parser | None = None  # for what is not plain
        self._message: Message | None = None  # being read
        self._waiting: list[Message] = []  # read, not yet served
        self._served: Message | None = None
        self._serving: Serving | None = None
        self._busy = False  # a request is being served
        self._stepping = False  # `_next` is on the stack: an answer given at once must not enter it again
        self._ahead = Ahead(limits.pipelined_bytes_max)  # read while busy, not parsed yet
        self._over = False  # no further message is wanted
        self._lingering = False
        self._lingered_bytes = 0
        self._write_paused_s: float | None = None
        self._changed_s = clock.now()  # when it last became idle, or began to linger

    # -- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        self._transport = transport
        if len(self._connections) >= self._limits.connections_max:
            transport.abort()
            return
        self._connections.add(self)
        self._caller = caller_of(transport)

    def data_received(self, data: bytes) -> None:
        if self._batch is None:
            self.receive(data)
        else:
            self._batch.add(self, data)

    def receive(self, data: bytes) -> None:
        """Handle bytes that arrived; none at all: the caller has left."""
        if self._transport is None:
            return
        if not data:
            self._transport.close()
        elif self._lingering:
            self._discard(data)
        elif self._busy or self._write_paused_s is not None:
            self._read_ahead(data)
        else:
            self._parse(data)
            self._next()

    def eof_received(self) -> bool:
        """The caller left (as nginx and Go see it), once what it sent is handled; connection_lost follows."""
        if self._batch is None or self._transport is None:
            return False
        self._batch.add(self, b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it was lost
        self._connections.discard(self)
        serving, self._serving = self._serving, None
        self._busy = True  # nothing more is served
        self._transport = None
        for message in (self._message, self._served, *self._waiting):
            if message is not None:
                message.let_go()
        self._parser = self._message = self._served = (
            None  # the parser and this object hold each other: what is large
        )
        self._waiting.clear()  # must not wait for the garbage collector
        self._ahead.take()
        if serving is not None:
            serving.cancel()

    def pause_writing(self) -> None:
        self._write_paused_s = self._now()

    def resume_writing(self) -> None:
        self._write_paused_s = None
        self._next()

    # -- Reader -------------------------------------------------------------------------------------

    def began(self) -> Message:
        return Message(self._limits, self._now(), self._hold, self._caller)

    def head_read(self, message: Message) -> None:
        if self._service.distressed and message.fault is None:
            message.turn_away(self._service.screen(message))

    def message_read(self, message: Message, last: bool) -> None:
        self._over = last
        self._waiting.append(message)

    # -- reading ------------------------------------------------------------------------------------

    def _parse(self, data: bytes) -> None:
        """Parse as far as a message ends: of what is pipelined, little is held as messages."""
        message = self._message
        if message is None:
            head = None if self._over else self._plain.read(data)
            if head is not None and head[4] <= self._limits.body_bytes_max:
                self._begin_plain(head, data)
                return
        elif message.missing:
            self._add_to_plain(message, data)
            return
        if len(data) <= PIECE_BYTES:
            self._parse_piece(data)
            return
        place = 0
        while place < len(data) and not self._waiting:
            self._parse_piece(data[place : place + PIECE_BYTES])
            place += PIECE_BYTES
        if place < len(data):
            self._read_ahead(data[place:])

    def _begin_plain(self, head: RequestHead, data: bytes) -> None:
        """A head that was read without the parser, and what is there of the body."""
        message = self.began()
        message.begin_plain(head)
        if head[5] < len(data):
            message.add_body(data[head[5] :])
        if message.missing:
            self.head_read(message)
        if message.missing:
            self._message = message
        else:
            self._waiting.append(message)

    def _add_to_plain(self, message: Message, data: bytes) -> None:
        missing = message.missing
        if len(data) <= missing:
            message.add_body(data)
        else:
            message.add_body(data[:missing])
            self._read_ahead(data[missing:])
        if not message.missing:
            self._message = None
            self._waiting.append(message)

    def _parse_piece(self, data: bytes) -> None:
        fault: Answer | None = None
        parser = self._parser
        if parser is None:
            parser = self._parser = Parser(self)
        if self._message is not None:
            self._message.add_bytes(len(data))
        wrong = parser.feed(data)
        message = self._message = parser.message
        if wrong:
            fault = problem(400, wrong)
        elif message is not None:
            message.check_unread()
            fault = message.fault
        if fault is not None:
            if message is not None:
                message.let_go()
            parser.message = None
            self._message = Message(self._limits, self._now())
            self._message.fault = fault
            self._waiting.append(self._message)

    def _read_ahead(self, data: bytes) -> None:
        self._ahead.add(data)
        if self._ahead.full and self._transport is not None:
            self._transport.pause_reading()

    def _discard(self, data: bytes) -> None:
        self._lingered_bytes += len(data)
        if self._lingered_bytes > self._limits.linger_bytes_max:
            self.close()

    # -- serving ------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Serve what is read and waits; then parse what came meanwhile."""
        if self._stepping:
            return
        self._stepping = True
        try:
            while not self._busy and not self._lingering and self._write_paused_s is None:
                if self._waiting:
                    self._serve(self._waiting.pop(0))
                elif self._ahead.waits:
                    self._parse(self._take_ahead())
                else:
                    if self._message is not None:
                        self._invite(self._message)
                    break
        finally:
            self._stepping = False

    def _invite(self, message: Message) -> None:
        """The message being read is the next to be answered: its body may come."""
        if message.waits_to_continue and self._transport is not None:
            message.asks_to_continue = False
            self._transport.write(_CONTINUE)

    def _take_ahead(self) -> bytes:
        if self._ahead.full and self._transport is not None:
            self._transport.resume_reading()
        return self._ahead.take()

    def _serve(self, message: Message) -> None:
        if message.fault is not None:
            self._refuse(message.fault)
            return
        self._busy = True
        self._served = message
        serving = self._service.serve(message, self._answered)
        if self._busy:  # not answered yet
            self._serving = serving

    def _answered(self, data: bytes, keep_alive: bool) -> None:
        """The service's answer to the request being served, as bytes."""
        transport = self._transport
        if transport is None:
            return
        self._busy = False
        self._serving = None
        if self._served is not None:
            self._served.let_go()
            self._served = None
        self._changed_s = self._now()
        transport.write(data)
        if not keep_alive:
            self._linger()
        else:
            self._next()

    def _refuse(self, fault: Answer) -> None:
        """Answer a message that cannot be read to its end, and close."""
        self._service.count_fault(fault.status)
        if self._transport is not None:
            self._transport.write(encode_answer(fault, b"", keep_alive=False))
        self._linger()

    def _linger(self) -> None:
        """Close so that the last answer arrives: end our side, and discard what still comes."""
        self._lingering = True
        self._changed_s = self._now()
        for message in self._waiting:
            message.let_go()
        self._waiting.clear()
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()
        if self._transport is not None and self._ahead.full:
            self._transport.resume_reading()
        self._ahead.take()

    # -- the server's sweep -------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """No request is being read or served, and nothing is left to send."""
        return not self._lingering and not self.owing

    @property
    def owing(self) -> bool:
        """The caller would miss an answer, or the rest of one, if the connection were closed now."""
        if self._lingering:
            return self._unsent
        unread = self._message is not None or self._waiting or self._ahead.waits
        return bool(self._busy or unread or self._unsent)

    @property
    def _unsent(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def overdue(self, now: float) -> bool:
        """Whether the caller has kept this connection waiting for longer than the limits allow."""
        limits = self._limits
        if self._write_paused_s is not None:
            return now - self._write_paused_s > limits.write_s_max
        if self._lingering:
            limit_s = limits.write_s_max if self._unsent else limits.linger_s_max
            return now - self._changed_s > limit_s
        if self._busy:
            return False
        if self._message is not None:
            limit_s = limits.head_s_max if not self._message.method else limits.receive_s_max
            return now - self._message.arrived_s > limit_s
        return now - self._changed_s > limits.idle_s_max

    def time_out(self) -> None:
        """Overdue: say so where a message had begun, and close."""
        if self._message is not None and not self._lingering and self._write_paused_s is None:
            self._refuse(problem(408, "the request did not arrive in time"))
        else:
            self.close()

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
