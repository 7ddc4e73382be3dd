"""Serves the queue that this process owns to other processes of the same user, over a Unix socket."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec

from proxy.errors import QueueFailed, QueueUnusable
from proxy.offline.wire import (
    METHODS,
    Ask,
    FrameTooLarge,
    Told,
    WireLimits,
    address_of,
    encode,
    frame,
    read_frame,
)
from proxy.ports import Log, OfflineQueue
from proxy.tickets import Accepted, Claim, Put

_NOTHING = msgspec.Raw(encode(None))


class QueueServer:
    """Listens from `start` to `close`."""

    def __init__(
        self, *, queue: OfflineQueue, path: Path, log: Log, limits: WireLimits | None = None
    ) -> None:
        self._queue = queue
        self._path = path
        self._log = log
        self._limits = limits or WireLimits()
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; only the own user can connect. Raises QueueUnusable."""
        self._server = await asyncio.start_unix_server(self._accept, sock=self._bind())

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)  # left by an owner that was killed: the lock is ours
            with address_of(self._path) as address:
                listener.bind(address)
            self._path.chmod(0o600)  # before it listens: until then nobody can connect
        except OSError as error:
            listener.close()
            raise QueueUnusable(f"{self._path}: {error.strerror or error}") from error
        except QueueUnusable:
            listener.close()
            raise
        return listener

    async def close(self) -> None:
        """Stop listening and end the sessions; their calls that have begun go on in the queue."""
        assert self._server is not None, "a server that was not started is closed"
        self._server.close()
        self._path.unlink(missing_ok=True)
        sessions = list(self._sessions)
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.create_task(Session(self._queue, writer, self._limits, self._log).run(reader))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)


class Session:
    """One connection: calls in, answers out in the order in which they are ready."""

    def __init__(
        self, queue: OfflineQueue, writer: asyncio.StreamWriter, limits: WireLimits, log: Log
    ) -> None:
        self._queue = queue
        self._writer = writer
        self._limits = limits
        self._log = log
        self._room = asyncio.Semaphore(limits.in_flight_max)

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until the other end leaves or says what cannot be understood."""
        decode = msgspec.msgpack.Decoder(Ask).decode
        try:
            while True:
                await self._room.acquire()
                await self._writer.drain()
                self._take(decode(await read_frame(reader, self._limits.frame_bytes_max)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other end has left
        except (msgspec.MsgspecError, FrameTooLarge, KeyError) as error:
            self._log.warning("queue_client_not_understood", error=repr(error))
        finally:
            self._writer.close()

    def _take(self, ask: Ask) -> None:
        method = METHODS[ask.method]
        arguments = msgspec.msgpack.decode(ask.arguments, type=method.arguments)
        future: asyncio.Future[Any]
        if ask.method == "claim":
            future = asyncio.ensure_future(self._claim(*arguments))
        else:
            future = getattr(self._queue, ask.method)(*arguments)
        future.add_done_callback(lambda done: self._answer(ask.serial, done))

    async def _claim(self, limit: int, lease_s: float) -> list[Claim]:
        """One by one, so that the bodies fit into a frame."""
        claims: list[Claim] = []
        size = 0
        while len(claims) < limit and size < self._limits.claimed_bytes_max:
            one = await self._queue.claim(1, lease_s)
            if not one:
                break
            claims += one
            size += len(one[0].envelope.body)
        return claims

    def _answer(self, serial: int, done: asyncio.Future[Any]) -> None:
        self._room.release()
        error = done.exception()
        if isinstance(error, QueueFailed):
            told = Told(serial, error.args[0], _NOTHING)
        elif error is not None:
            self._log.error("queue_call_broke", error=repr(error))
            told = Told(serial, repr(error), _NOTHING)
        else:
            told = Told(serial, "", msgspec.Raw(encode(_on_the_wire(done.result()))))
        if not self._writer.is_closing():
            self._writer.write(frame(told))


def _on_the_wire(value: Any) -> Any:
    if isinstance(value, Put):
        return (value, None) if isinstance(value, Accepted) else (None, value)
    return value
