"""One kept-alive HTTP/1.1 connection to a model server, carrying one call at a time.

Reads whole answers: an answer that stops halfway has not been passed on to anybody, so the request
can still fall through. Bytes that nobody asked for end the connection.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from labelers.fields import block_of
from proxy.batch import Batch
from proxy.clusters.limits import ClientLimits
from proxy.heads import AnswerReader
from proxy.heads.answer import OURS
from proxy.hop import HOP_BY_HOP, end_to_end
from proxy.messages import Answer, Failure, Outcome
from proxy.pieces import Pieces

JOINED_BYTES_MAX = 16 * 1024
"""A body up to this size is copied behind its head: cheaper than a second write."""

Done = Callable[[Answer | Failure], None]


class Connection(asyncio.Protocol):
    """The protocol of one connection. `release(connection, reusable)` is called when a call has ended."""

    def __init__(
        self,
        limits: ClientLimits,
        release: "Callable[[Connection, bool], None]",
        plain: AnswerReader | None = None,
        batch: Batch | None = None,
    ) -> None:
        self._limits = limits
        self._release = release
        self._batch = batch  # None: bytes are handled as they come
        self._plain = plain or AnswerReader(limits.head_bytes_max)  # a pool's connections share one
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None  # made for an answer that is not plain
        self._headers: list[tuple[bytes, bytes]]
        self._body: bytes
        self._pieces: Pieces | None
        self._complete: bool
        self._keep_alive = False
        self._wrong: str
        self._done: Done | None = None
        self._in_message = False
        self.idle_since_s = 0.0
        self.heard = False  # something of the answer to the last call
        self._forget_message()

    # -- calls --------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """May a new call be sent? False once the other side, or we, began to close."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, head: bytes, body: bytes, done: Done) -> None:
        """Write one request, body and all; `done` is called once, later, unless `drop` comes first."""
        assert self._transport is not None
        assert self._done is None, "one call at a time"
        self._done = done
        self.heard = False
        if len(body) <= JOINED_BYTES_MAX:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def redirect(self, done: Done) -> None:
        """Who asked wants the answer no longer; `done` is told in its place when it has been read."""
        assert self._done is not None
        self._done = done

    def drop(self) -> None:
        """Give up the call, and the connection with it: an answer may still be on its way."""
        self._done = None
        self.close()

    def close(self) -> None:
        """Close at once; nothing is waited for."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases

    def data_received(self, data: bytes) -> None:
        if self._batch is None:
            self.receive(data)
        else:
            self._batch.add(self, data)

    def receive(self, data: bytes) -> None:
        """Handle bytes that arrived."""
        if self._done is None:  # bytes that nobody asked for: what follows could answer the wrong request
            self.close()
            return
        if not self.heard:
            self.heard = True
            if self._read_plain(data):
                return
        elif self._missing:
            self._read_more(data)
            return
        self._parse(data)

    def _read_plain(self, data: bytes) -> bool:
        """Read the beginning of an answer without the parser; False where it is for the parser."""
        head = self._plain.read(data)
        if head is None or head[2] > self._limits.body_bytes_max:
            return False
        self._status, self._block, self._missing, body_at = head
        self._framed = self._keep_alive = self._in_message = True
        self._read_more(data[body_at:])
        return True

    def _read_more(self, data: bytes) -> None:
        """More of a plain answer's body."""
        if len(data) > self._missing:
            if data[self._missing :].strip(b"\r\n"):  # empty lines are nothing (RFC 9112, 2.2)
                self._fail(Outcome.GARBAGE, "two answers to one request")
                return
            data = data[: self._missing]
        self._missing -= len(data)
        self._gather(data)
        if not self._missing:
            self._in_message = False
            self._finish(reusable=self._all_sent())

    def _gather(self, piece: bytes) -> None:
        """A piece of the body; usually there is one, which is not copied."""
        if self._pieces is not None:
            self._pieces.add(piece)
        elif self._body:
            self._pieces = Pieces(self._body)
            self._pieces.add(piece)
        else:
            self._body = piece

    def _parse(self, data: bytes) -> None:
        self._unread_bytes += len(data)
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Outcome.GARBAGE, f"not an HTTP answer: {error}")
            return
        if self._unread_bytes > self._limits.head_bytes_max:  # the parser gathers a field until it is whole
            self._wrong = "a field without an end"
        if self._wrong:
            self._fail(Outcome.GARBAGE, self._wrong)
        elif self._complete:
            self._finish(reusable=self._keep_alive and self._all_sent())

    def eof_received(self) -> None:
        return None  # the transport closes itself; connection_lost settles the call

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and exc is None and self._until_close():
            self._finish(reusable=False)
        elif self._done is not None:
            where = "in the middle of the answer" if self._in_message else "before an answer"
            self._fail(Outcome.RESET, f"connection lost {where}" + (f": {exc}" if exc else ""))
        else:
            self._release(self, False)
        self._forget_message()  # the parser and this object hold each other: what is large must not wait

    # -- httptools ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._in_message = True
        if self._complete:  # what follows must not be taken for a part of the answer
            self._wrong = "two answers to one request"

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._status:  # a trailer: whoever reads the fields of the head does not expect it among them
            return
        self._unread_bytes = 0
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._limits.head_bytes_max:
            self._wrong = "head over the limit"
            return
        key = name.lower()
        if key in HOP_BY_HOP:
            self._add_hop(key, value)
        elif key != b"x-request-id" and not key.startswith(OURS):
            # White space after a value is no part of it (RFC 9110, 5.5); llhttp strips it in front alone.
            self._headers.append((name, value.rstrip(b" \t")))

    def _add_hop(self, key: bytes, value: bytes) -> None:
        if key == b"connection":
            self._connection += (value,)
        elif key == b"content-length":
            self._framed = True
        elif key == b"transfer-encoding":
            if self._framed or value.lower() != b"chunked":  # we asked for no other, and could not undo it
                self._wrong = "an unknown transfer coding"
            self._framed = True

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._status = self._parser.get_status_code()
        if not 100 <= self._status < 600:
            self._wrong = "a status that does not exist"
        elif self._parser.get_http_version() not in ("1.1", "1.0"):  # llhttp reads 0.9 and 2.0 too
            self._wrong = "another version of HTTP"
        elif self._framed and self._status < 200:  # its body would begin the answer, or swallow it
            self._wrong = "an interim answer with a body"

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body_bytes_max:
            self._wrong = "body over the limit"
            return
        self._gather(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        self._unread_bytes = 0
        if self._status < 200:  # 100 Continue and its like announce the answer; they are not it
            wrong = self._wrong
            self._forget_message()
            self._wrong = wrong
        else:
            self._complete = True
            assert self._parser is not None
            self._keep_alive = self._parser.should_keep_alive()  # llhttp knows only in this call-back

    # -- the end of a call --------------------------------------------------------------------------

    def _until_close(self) -> bool:
        """Whether the answer said that it ends with the connection (HTTP/1.0 style, no length)."""
        return self._in_message and self._status >= 200 and not self._framed

    def _all_sent(self) -> bool:
        """False where the server answered before it read all: what is left would precede the next request."""
        return self._transport is not None and not self._transport.get_write_buffer_size()

    def _finish(self, *, reusable: bool) -> None:
        done, self._done = self._done, None
        assert done is not None
        if self._headers:
            headers = end_to_end(self._headers, self._connection) if self._connection else self._headers
            self._block = block_of(tuple(headers))
        body = self._body if self._pieces is None else self._pieces.whole()
        answer = Answer(status=self._status, block=self._block, body=body)
        self._forget_message()
        if not reusable:
            self.close()
        self._release(self, reusable and self.usable)
        done(answer)

    def _fail(self, outcome: Outcome, cause: str) -> None:
        done, self._done = self._done, None
        self.close()
        self._release(self, False)
        assert done is not None
        done(Failure(outcome=outcome, cause=cause))

    def _forget_message(self) -> None:
        self._status = 0
        self._headers = []
        self._block = b""
        self._connection: tuple[bytes, ...] = ()
        self._head_bytes = 0
        self._unread_bytes = 0
        self._body = b""
        self._body_bytes = 0
        self._pieces = None
        self._missing = 0  # bytes of a plain answer's body that are still to come
        self._framed = False
        self._complete = False  # the final answer has been read to its end
        self._wrong = ""  # why this cannot be taken as an answer
