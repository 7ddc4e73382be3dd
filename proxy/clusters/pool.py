"""The connections to one endpoint: a stack of idle ones, and the count of all.

A stack, not a queue: the most recently used connection is the likeliest to be alive, and the rest
age out at its bottom.
"""

import asyncio
import errno
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from proxy.batch import Batch
from proxy.clusters.connection import Connection, Done
from proxy.clusters.limits import ClientLimits
from proxy.heads import AnswerReader
from proxy.messages import Answer, Failure, Outcome
from proxy.ports import Clock

_RESET: Final = Outcome.RESET
_OUR_SHORTAGE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
"""What this machine lacks does not speak against the application."""

UNREAD_S_MAX = 0.25
"""A kept-alive connection that is lost within this time after a request may not have carried it."""


class Pool:
    """Connections to one base URL (`http://host:port[/prefix]`)."""

    def __init__(
        self,
        url: str,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        limits: ClientLimits,
        batch: Batch | None = None,
    ) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None, "the table's parser let an endpoint without a host pass"
        self._host = parts.hostname
        self._port = parts.port or 80
        self.host_field = parts.netloc.encode("idna" if not parts.netloc.isascii() else "ascii")
        self.prefix = parts.path.rstrip("/").encode()
        self._loop = loop
        self._now = clock.now
        self._limits = limits
        self._batch = batch
        self._plain = AnswerReader(limits.head_bytes_max)
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    def call(self, head: bytes, body: bytes, done: Done) -> "PooledCall":
        """Send over an idle connection, or over a new one."""
        call = PooledCall(head, body, done)
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                call.send_over(connection, self._connect, self._now)
                return call
        if len(self._all) + len(self._opening) >= self._limits.connections_max:
            failure = Failure(outcome=Outcome.THROTTLED, cause="every connection to the endpoint is busy")
            call.fail_soon(self._loop, failure)
            return call
        self._connect(call)
        return call

    def sweep(self) -> None:
        """Close what has been idle too long (the bottom of the stack)."""
        oldest_s = self._now() - self._limits.idle_s_max
        stale = 0
        while stale < len(self._idle) and self._idle[stale].idle_since_s < oldest_s:
            stale += 1
        for connection in self._idle[:stale]:
            connection.close()
        del self._idle[:stale]

    def close(self) -> None:
        """Close every connection, busy ones too."""
        for task in self._opening:
            task.cancel()
        for connection in list(self._all):
            connection.close()
        self._idle.clear()

    @property
    def busy(self) -> int:
        """Connections that carry a call or are being opened."""
        return len(self._all) - len(self._idle) + len(self._opening)

    def _connect(self, call: "PooledCall") -> None:
        task = self._loop.create_task(self._open(call))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, call: "PooledCall") -> None:
        try:
            async with asyncio.timeout(self._limits.connect_s_max):
                _, connection = await self._loop.create_connection(self._new, self._host, self._port)
        except (OSError, TimeoutError, UnicodeError) as error:  # UnicodeError: a host that no name can be
            ours = getattr(error, "errno", None) in _OUR_SHORTAGE
            outcome = Outcome.THROTTLED if ours else Outcome.REFUSED
            call.fail(Failure(outcome=outcome, cause=str(error) or "connect timed out"))
            return
        self._all.add(connection)
        if call.wanted and connection.usable:
            call.send_over(connection)
        elif call.wanted:
            self._release(connection, False)
            call.fail(Failure(outcome=Outcome.RESET, cause="connection lost before the request was sent"))
        else:  # its caller left meanwhile; the next one finds the connection open
            self._release(connection, connection.usable)

    def _new(self) -> Connection:
        return Connection(self._limits, self._release, self._plain, self._batch)

    def _release(self, connection: Connection, reusable: bool) -> None:
        if reusable and len(self._idle) < self._limits.idle_max:
            connection.idle_since_s = self._now()
            self._idle.append(connection)
            return
        if reusable:
            connection.close()
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


class PooledCall:
    """One call: waiting for a connection, or sent over one.

    A kept-alive connection may have been closed by the server just when it is used again: lost at once and
    without a byte of an answer, the request was not read, and is sent once more over a new connection.
    """

    __slots__ = ("_body", "_connection", "_done", "_head", "_now", "_reconnect", "_sent_s")

    def __init__(self, head: bytes, body: bytes, done: Done) -> None:
        self._head = head
        self._body = body
        self._done: Done | None = done
        self._connection: Connection | None = None
        self._reconnect: Callable[[PooledCall], None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for an answer."""
        return self._done is not None

    def send_over(
        self,
        connection: Connection,
        reconnect: "Callable[[PooledCall], None] | None" = None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Send; from now on the connection answers. `reconnect` is for one that was used before."""
        assert self._done is not None
        self._connection = connection
        self._reconnect = reconnect
        self._now = now
        self._sent_s = now()
        connection.send(self._head, self._body, self._done if reconnect is None else self._settled)

    def _settled(self, result: Answer | Failure) -> None:
        connection, reconnect, done = self._connection, self._reconnect, self._done
        assert connection is not None
        assert reconnect is not None
        assert done is not None
        self._connection = None
        unread = not connection.heard and self._now() - self._sent_s < UNREAD_S_MAX
        if unread and isinstance(result, Failure) and result.outcome is _RESET:
            reconnect(self)
        else:
            self._done = None
            done(result)

    def fail(self, failure: Failure) -> None:
        """End without an answer, unless the caller left."""
        done, self._done = self._done, None
        if done is not None:
            done(failure)

    def fail_soon(self, loop: asyncio.AbstractEventLoop, failure: Failure) -> None:
        """End without an answer in the loop's next turn."""
        loop.call_soon(self.fail, failure)

    def abandon(self, ended: Callable[[bool], None]) -> None:
        """See `ports.Call.abandon`. One that was not sent yet is not sent, and has ended."""
        self._done = None
        self._head = self._body = b""  # it is not sent again, and nobody counts what it would hold
        if self._connection is None:
            ended(False)
        else:
            self._connection.redirect(lambda result: ended(isinstance(result, Answer)))

    def cancel(self) -> None:
        """Give the call up; `done` will not be called. A connection that is being opened is kept."""
        self._done = None
        if self._connection is not None:
            self._connection.drop()
