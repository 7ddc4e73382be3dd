"""One connection of a caller: HTTP/1.1 read with llhttp, one request served at a time, in order.

What arrives while a request is served stays in the socket but for one read. There are no timers here: the
front's sweep asks `overdue` once a second. A caller that closes its side has left: its inference is
cancelled. No task and no await: an answer is a call of `_answered`.
"""

import asyncio
from collections import deque
from typing import Protocol, cast

import httptools

from workers.front.limits import FrontLimits
from workers.front.message import Message
from workers.front.reply import Reply, encode_head, refusal

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
COPIED_BYTES_MAX = 64 * 1024  # a longer body is written beside its head, not copied behind it


class Job(Protocol):
    """A request being served."""

    def cancel(self) -> object:
        """The caller has left."""


class House(Protocol):
    """What all connections of a front share."""

    limits: FrontLimits
    connections: "set[Connection]"
    held_bytes: int
    date: bytes
    draining: bool

    def now(self) -> float:
        """Seconds, monotonic."""
        ...

    def serve(self, message: Message, connection: "Connection") -> Job | None:
        """Answer by `connection.answer`, now or later."""
        ...


class Connection(asyncio.Protocol):
    """The protocol of one caller's connection."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._limits = house.limits
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._message: Message | None = None  # being read
        self._waiting: deque[Message] = deque()  # read, not yet served
        self._served: Message | None = None
        self._job: Job | None = None
        self._ahead: list[bytes] = []  # read while a request was served
        self._stepping = False  # `_next` is on the stack: an answer given at once must not enter it again
        self._over = False  # no further message is read
        self._body_follows = False  # the message offers to upgrade and has a body
        self._resuming = False  # a new parser is being told about a message that has begun
        self._lingering = False
        self._lingered_bytes = 0
        self._blocked_s: float | None = None  # since when the caller does not read
        self._changed_s = house.now()  # when it last became idle, or began to linger

    # -- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        if len(self._house.connections) >= self._limits.connections_max:
            words = f"this server has {self._limits.connections_max} connections, its limit"
            self._over = True
            self._write(refusal(503, words), b"", keep_alive=False)
            self._linger()
        self._house.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._lingering:
            self._discard(data)
        elif self._served is not None or self._blocked_s is not None:
            self._ahead.append(data)
            self._transport.pause_reading()
        else:
            self._parse(data)
            self._next()

    def eof_received(self) -> bool:
        """The caller left; connection_lost follows."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it was lost
        self._house.connections.discard(self)
        self._transport = None
        self._over = True
        for message in (self._message, self._served, *self._waiting):
            if message is not None:
                self._house.held_bytes -= message.body_bytes
        self._message = self._served = None
        self._waiting.clear()
        self._ahead.clear()
        job, self._job = self._job, None
        if job is not None:
            job.cancel()

    def pause_writing(self) -> None:
        self._blocked_s = self._house.now()

    def resume_writing(self) -> None:
        self._blocked_s = None
        self._next()

    # -- httptools ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if not self._resuming:
            self._message = Message(self._limits, self._house.now())

    def on_url(self, piece: bytes) -> None:
        if self._message is not None and not self._resuming:
            self._message.add_target(piece)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._message is not None and not self._resuming:
            self._message.add_header(name, value)

    def on_headers_complete(self) -> None:
        message, parser = self._message, self._parser
        if message is None or self._resuming:
            return
        self._body_follows = parser.should_upgrade() and (message.chunked or message.length > 0)
        # A client of HTTP/1.0 waits for the end of the connection unless told in a field that there is none.
        keep_alive = parser.should_keep_alive() and parser.get_http_version() == "1.1"
        message.end_head(parser.get_method(), keep_alive=keep_alive)

    def on_body(self, piece: bytes) -> None:
        message = self._message
        if message is None:
            return
        held = message.body_bytes
        message.add_body(piece)
        self._house.held_bytes += message.body_bytes - held
        if self._house.held_bytes > self._limits.held_bytes_max and message.fault is None:
            message.fault = refusal(503, "too many bytes of requests are held already", b"Retry-After: 1\r\n")

    def on_message_complete(self) -> None:
        message = self._message
        if message is None:
            return
        if self._body_follows:  # not complete: the parser stopped at an offer to upgrade
            self._body_follows = False
            return
        self._over = not message.keep_alive
        self._waiting.append(message)
        self._message = None

    # -- reading ------------------------------------------------------------------------------------

    def _parse(self, data: bytes) -> None:
        if self._over:
            return
        fault: Reply | None = None
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if not self._over:  # else: bytes behind the last message, which nobody reads
                fault = refusal(400, f"not an HTTP request: {error}")
        message = self._message
        if message is not None and fault is None:
            message.check_unread(len(data))
            fault = message.fault
        if fault is not None:
            message = message or Message(self._limits, self._house.now())
            message.fault, self._message, self._over = fault, None, True
            self._waiting.append(message)

    def _feed(self, data: bytes) -> None:
        """Parse. An offer to upgrade is not taken (RFC 9110, 7.8): a new parser reads on as HTTP/1.1."""
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                if self._message is not None and self._message.fault is not None:
                    return  # it is refused: its body must not be read as the next message
                data = data[offer.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
                if self._message is not None:
                    self._resuming = True
                    self._parser.feed_data(self._message.framing())
                    self._resuming = False
            else:
                return

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
            while self._served is None and not self._lingering and self._blocked_s is None:
                if self._transport is None or self._transport.is_closing():
                    break
                if self._waiting:
                    self._serve(self._waiting.popleft())
                elif self._ahead:
                    ahead, self._ahead = self._ahead, []
                    self._parse(b"".join(ahead))
                    self._transport.resume_reading()
                else:
                    self._invite()
                    break
        finally:
            self._stepping = False

    def _invite(self) -> None:
        """The message being read is the next to be answered: its body may come."""
        message = self._message
        if message is not None and message.expects and message.method and self._transport is not None:
            message.expects = False
            if not message.body_bytes:
                self._transport.write(_CONTINUE)

    def _serve(self, message: Message) -> None:
        self._served = message
        if message.fault is not None:
            message.keep_alive = False
            self.answer(message.fault)
            return
        job = self._house.serve(message, self)
        if self._served is message:  # not answered yet
            self._job = job

    def answer(self, reply: Reply) -> None:
        """Answer the request being served."""
        message, self._served, self._job = self._served, None, None
        if message is None:
            return
        self._house.held_bytes -= message.body_bytes
        if self._transport is None or self._transport.is_closing():
            return
        keep_alive = message.keep_alive and not self._house.draining
        self._changed_s = self._house.now()
        self._write(reply, message.request_id, keep_alive=keep_alive, bodiless=message.method == b"HEAD")
        if keep_alive:
            if self._waiting or self._ahead or self._message is not None:
                self._next()
        else:
            self._linger()

    def _write(self, reply: Reply, request_id: bytes, *, keep_alive: bool, bodiless: bool = False) -> None:
        assert self._transport is not None
        head = encode_head(reply, request_id, self._house.date, keep_alive=keep_alive)
        if bodiless:
            self._transport.write(head)
        elif len(reply.body) <= COPIED_BYTES_MAX:
            self._transport.write(head + reply.body)
        else:
            self._transport.writelines((head, reply.body))

    def _linger(self) -> None:
        """Close so that the last answer arrives: end our side, and discard what still comes."""
        self._lingering = True
        self._changed_s = self._house.now()
        for message in self._waiting:
            self._house.held_bytes -= message.body_bytes
        self._waiting.clear()
        if self._transport is not None:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            if self._ahead:
                self._transport.resume_reading()
        self._ahead.clear()

    # -- the front's sweep --------------------------------------------------------------------------

    @property
    def owing(self) -> bool:
        """The caller would miss an answer, or the rest of one, if the connection were closed now."""
        unread = self._message is not None or self._waiting or self._ahead
        return bool(self._served is not None or (unread and not self._lingering) or self._unsent)

    @property
    def _unsent(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def overdue(self, now: float) -> bool:
        """Whether the caller has kept this connection waiting for longer than the limits allow."""
        limits = self._limits
        if self._blocked_s is not None:
            return now - self._blocked_s > limits.write_s_max
        if self._lingering:
            return now - self._changed_s > (limits.write_s_max if self._unsent else limits.linger_s_max)
        if self._served is not None:
            return False
        if self._message is not None:
            limit_s = limits.receive_s_max if self._message.method else limits.head_s_max
            return now - self._message.arrived_s > limit_s
        return now - self._changed_s > limits.idle_s_max

    def time_out(self) -> None:
        """Overdue: say so where a message had begun, and close."""
        message = self._message
        if message is None or self._lingering or self._blocked_s is not None:
            self.close()
            return
        message.fault, self._message, self._over = (
            refusal(408, "the request did not arrive in time"),
            None,
            True,
        )
        self._waiting.append(message)
        self._next()

    def close(self) -> None:
        """Close at once."""
        transport, self._transport = self._transport, None  # nothing is asked of one that is closing
        if transport is not None:
            transport.abort()
