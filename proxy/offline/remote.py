"""The queue as other processes have it: every call goes to the owner over its socket.

Connects when there is something to say, and again after the owner was restarted. A call that was on its
way when the connection ended fails; a put is then BROKEN for its caller. The owner may have stored it all
the same: that is work done once too often, never a ticket lost.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from proxy.errors import QueueFailed, QueueUnusable
from proxy.messages import Answer
from proxy.offline.quota import envelope_charge
from proxy.offline.store import Claims, Tickets
from proxy.offline.wire import (
    METHODS,
    Ask,
    FrameTooLarge,
    PutResult,
    Told,
    WireLimits,
    address_of,
    encode,
    frame,
    read_frame,
)
from proxy.tickets import Claim, Envelope, Put, QueueStats, Refusal, Refused, Ticket, TicketStatus

_LINK_ENDS = (OSError, asyncio.IncompleteReadError, FrameTooLarge, QueueUnusable, msgspec.MsgspecError)

_NO_ENVELOPE = Envelope(
    request_id="",
    method=b"",
    target=b"",
    model="",
    version="",
    headers=(),
    body=b"",
    class_name="",
    labels=(),
    reason="",
)


class Waiting:
    """A call without an answer yet."""

    __slots__ = ("body_bytes", "future", "method", "timer")

    def __init__(self, method: str, future: asyncio.Future[Any], body_bytes: int) -> None:
        self.method = method
        self.future = future
        self.body_bytes = body_bytes
        self.timer: asyncio.TimerHandle | None = None


class RemoteQueue:
    """`ports.OfflineQueue` over the socket at `path`. Futures but `put`'s may fail with QueueFailed."""

    def __init__(self, path: Path, limits: WireLimits | None = None) -> None:
        self._path = path
        self._limits = limits or WireLimits()
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, Waiting] = {}
        self._waiting_bytes = 0
        self._serial = 0
        self._unsent: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self._link: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, envelope: Envelope) -> asyncio.Future[Put]:
        return self._call("put", envelope, body_bytes=envelope_charge(envelope))

    def find(self, ticket: str) -> asyncio.Future[Ticket | None]:
        return self._call("find", ticket)

    def cancel(self, ticket: str) -> asyncio.Future[Ticket | None]:
        return self._call("cancel", ticket)

    def claim(self, limit: int, lease_s: float) -> asyncio.Future[Claims]:
        return self._call("claim", limit, lease_s)

    def extend(self, claims: Sequence[Claim], lease_s: float) -> asyncio.Future[int]:
        return self._call("extend", [_bare(claim) for claim in claims], lease_s)

    def complete(self, claim: Claim, answer: Answer) -> asyncio.Future[bool]:
        return self._call("complete", _bare(claim), answer, body_bytes=len(answer.body))

    def release(self, claim: Claim, delay_s: float, reason: str) -> asyncio.Future[bool]:
        return self._call("release", _bare(claim), delay_s, reason)

    def bury(self, claim: Claim, reason: str) -> asyncio.Future[bool]:
        return self._call("bury", _bare(claim), reason)

    def sweep(self) -> asyncio.Future[int]:
        return self._call("sweep")

    def stats(self) -> asyncio.Future[QueueStats]:
        return self._call("stats")

    def list(self, status: TicketStatus | None, limit: int, after: str) -> asyncio.Future[Tickets]:
        return self._call("list", status, limit, after)

    def redrive(self, tickets: Sequence[str]) -> asyncio.Future[int]:
        return self._call("redrive", tuple(tickets))

    def purge(self, status: TicketStatus, older_than_s: float) -> asyncio.Future[int]:
        return self._call("purge", status, older_than_s)

    def close(self) -> asyncio.Future[None]:
        """Wait for the answers that are due, then leave; the queue itself stays open at its owner."""
        return self._loop.create_task(self._close())

    async def _close(self) -> None:
        self._closed = True
        due = [waiting.future for waiting in self._waiting.values()]
        if due:
            await asyncio.wait(due)
        if self._writer is not None:
            self._writer.close()
        if self._link is not None:
            await self._link

    def _call(self, method: str, *arguments: Any, body_bytes: int = 0) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        waiting = Waiting(method, future, body_bytes)
        obstacle = self._obstacle(body_bytes)
        if obstacle is not None:
            _fail(waiting, *obstacle)
            return future
        self._serial += 1
        self._waiting[self._serial] = waiting
        self._waiting_bytes += body_bytes
        self._send(frame(Ask(self._serial, method, msgspec.Raw(encode(arguments)))))
        if METHODS[method].awaited:
            waiting.timer = self._loop.call_later(self._limits.answer_s_max, self._too_late, self._serial)
        return future

    def _obstacle(self, body_bytes: int) -> tuple[str, Refusal] | None:
        limits = self._limits
        if self._closed:
            return "it is closed", Refusal.BROKEN
        if len(self._waiting) >= limits.waiting_ops_max:
            return f"{len(self._waiting)} calls wait for its owner", Refusal.FULL
        if self._waiting_bytes + body_bytes > limits.waiting_bytes_max:
            return f"{self._waiting_bytes} bytes wait for its owner", Refusal.FULL
        return None

    def _send(self, data: bytes) -> None:
        if self._writer is not None:
            self._writer.write(data)
            return
        self._unsent.append(data)
        if self._link is None:
            self._link = self._loop.create_task(self._keep_link())

    async def _keep_link(self) -> None:
        """Connect, send what waits, and take answers until the connection ends."""
        try:
            with address_of(self._path) as address:
                reader, self._writer = await asyncio.open_unix_connection(address)
            self._writer.writelines(self._unsent)
            self._unsent = []
            decode = msgspec.msgpack.Decoder(Told).decode
            while True:
                self._told(decode(await read_frame(reader, self._limits.frame_bytes_max)))
        except _LINK_ENDS as error:
            self._unlink(f"its owner cannot be reached: {error}")

    def _unlink(self, why: str) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = self._link = None
        self._unsent = []
        for serial in list(self._waiting):
            _fail(self._forget(serial), why, Refusal.BROKEN)

    def _told(self, told: Told) -> None:
        if told.serial not in self._waiting:
            return  # it came too late
        waiting = self._forget(told.serial)
        if told.error:
            _fail(waiting, told.error, Refusal.BROKEN)
            return
        value = msgspec.msgpack.decode(told.value, type=METHODS[waiting.method].result)
        if waiting.method == "put":
            value = _put_of(value)
        if not waiting.future.done():
            waiting.future.set_result(value)

    def _too_late(self, serial: int) -> None:
        why = f"its owner has not answered for {self._limits.answer_s_max:g} s"
        _fail(self._forget(serial), why, Refusal.BROKEN)

    def _forget(self, serial: int) -> Waiting:
        waiting = self._waiting.pop(serial)
        self._waiting_bytes -= waiting.body_bytes
        if waiting.timer is not None:
            waiting.timer.cancel()
        return waiting


def _fail(waiting: Waiting, why: str, refusal: Refusal) -> None:
    if waiting.future.done():  # its caller has left
        return
    if waiting.method == "put":
        waiting.future.set_result(Refused(why=refusal, message=f"the offline queue cannot take it: {why}"))
    else:
        waiting.future.set_exception(QueueFailed(why))


def _put_of(result: PutResult) -> Put:
    put = result[0] or result[1]
    assert put is not None, "the owner answered a put with nothing"
    return put


def _bare(claim: Claim) -> Claim:
    """What the owner needs to know of a claim: which, and the token."""
    return Claim(ticket=claim.ticket, token=claim.token, tries=claim.tries, envelope=_NO_ENVELOPE)
