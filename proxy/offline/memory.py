"""The in-memory twin of the durable queue: the same behaviour, but nothing survives the process.

For tests, for the simulation and for `--queue memory://`. The contract tests and a state machine hold
it to `sqlite.py`.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from proxy.errors import QueueFailed
from proxy.messages import Answer
from proxy.offline.fingerprint import fingerprint
from proxy.offline.front import QueueFront
from proxy.offline.life import CANCELLED_REASON, EXPIRED_REASON, fresh_ticket, kept_s, known, new_ticket_id
from proxy.offline.limits import QueueLimits
from proxy.offline.quota import PENDING, REDRIVABLE, Tally, answer_charge, envelope_charge
from proxy.offline.store import Claims, Store, Tickets
from proxy.ports import Clock
from proxy.tickets import Accepted, Claim, Envelope, Put, QueueStats, Refusal, Refused, Ticket, TicketStatus

T = TypeVar("T")


class MemoryQueue(QueueFront):
    """`ports.OfflineQueue` in memory; its futures are resolved when they are returned."""

    def __init__(
        self,
        *,
        clock: Clock,
        limits: QueueLimits | None = None,
        new_id: Callable[[], str] = new_ticket_id,
    ) -> None:
        self._store = MemoryStore(clock=clock, limits=limits or QueueLimits(), new_id=new_id)
        self._closed = False

    def put(self, envelope: Envelope) -> asyncio.Future[Put]:
        future: asyncio.Future[Put] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_result(Refused(why=Refusal.BROKEN, message="the offline queue is closed"))
        else:
            future.set_result(self._store.put(envelope))
        return future

    def close(self) -> asyncio.Future[None]:
        self._closed = True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def _ask(self, work: Callable[[Store], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_exception(QueueFailed("it is closed"))
        else:
            future.set_result(work(self._store))
        return future

    _hold = _ask
    _repeat = _ask


class Record(msgspec.Struct, kw_only=True, eq=False):
    """One ticket with what is kept about it; as a row of `schema.sql`."""

    seq: int
    ticket: Ticket
    digest: bytes
    key: str
    sweep_s: float  # when a sweep has something to do with it
    charge: int
    token: int = 0
    envelope: Envelope | None = None


class MemoryStore:
    """`Store` in dictionaries."""

    def __init__(self, *, clock: Clock, limits: QueueLimits, new_id: Callable[[], str]) -> None:
        self._clock = clock
        self._limits = limits
        self._new_id = new_id
        self._records: dict[str, Record] = {}  # in the order they were made
        self._by_key: dict[str, Record] = {}
        self._due: list[tuple[float, int, Record]] = []  # a heap; entries that hold no more are dropped
        self._seq = 0
        self._tally = Tally()

    def put(self, envelope: Envelope) -> Put:
        earlier = self._by_key.get(envelope.idempotency_key)
        digest = fingerprint(envelope) if envelope.idempotency_key else b""
        if earlier is not None:
            return known(earlier.ticket.id, earlier.digest == digest)
        charge = envelope_charge(envelope)
        shortage = self._tally.shortage(charge, self._limits)
        if shortage:
            return Refused(why=Refusal.FULL, message=shortage)
        now = self._clock.wall()
        self._seq += 1
        record = Record(
            seq=self._seq,
            ticket=fresh_ticket(self._new_id(), envelope, now),
            digest=digest,
            key=envelope.idempotency_key,
            sweep_s=now + self._limits.ticket_ttl_s,
            charge=charge,
            envelope=envelope,
        )
        self._records[record.ticket.id] = record
        if record.key:
            self._by_key[record.key] = record
        self._tally.enter(TicketStatus.QUEUED, charge)
        heapq.heappush(self._due, (now, record.seq, record))
        return Accepted(ticket=record.ticket.id, fresh=True)

    def find(self, name: str) -> Ticket | None:
        record = self._records.get(name)
        return None if record is None else record.ticket

    def cancel(self, name: str) -> Ticket | None:
        record = self._records.get(name)
        if record is None:
            return None
        if record.ticket.status in PENDING:
            self._end(record, TicketStatus.CANCELLED, CANCELLED_REASON)
        return record.ticket

    def claim(self, limit: int, lease_s: float) -> Claims:
        now = self._clock.wall()
        taken: dict[int, Record] = {}
        while self._due and self._due[0][0] <= now and len(taken) < limit:
            due_s, seq, record = heapq.heappop(self._due)
            ticket = record.ticket
            if ticket.status in PENDING and ticket.due_s == due_s and record.sweep_s > now:
                taken[seq] = record
        return [self._lease(record, now + lease_s) for record in taken.values()]

    def extend(self, claims: Sequence[Claim], lease_s: float) -> int:
        held = [record for record in map(self._held, claims) if record is not None]
        for record in held:
            self._become(record, TicketStatus.RUNNING, due_s=self._clock.wall() + lease_s)
        return len(held)

    def complete(self, claim: Claim, answer: Answer) -> bool:
        record = self._held(claim)
        if record is None:
            return False
        self._end(record, TicketStatus.DONE, record.ticket.reason, answer)
        return True

    def release(self, claim: Claim, delay_s: float, reason: str) -> bool:
        record = self._held(claim)
        if record is None:
            return False
        due_s = self._clock.wall() + delay_s if delay_s > 0 else record.ticket.created_s
        self._become(record, TicketStatus.QUEUED, due_s=due_s, reason=reason)
        return True

    def bury(self, claim: Claim, reason: str) -> bool:
        record = self._held(claim)
        if record is None:
            return False
        self._end(record, TicketStatus.DEAD, reason)
        return True

    def sweep(self) -> int:
        now, changed = self._clock.wall(), 0
        for record in [r for r in self._records.values() if r.sweep_s <= now]:
            status = record.ticket.status
            if status not in PENDING:
                changed += self._forget_in_part(record, now)
            elif status is TicketStatus.QUEUED or record.ticket.due_s <= now:
                self._end(record, TicketStatus.EXPIRED, EXPIRED_REASON)
                changed += 1
        surplus = max(0, self._tally.ended - self._limits.ended_max)
        ended = [r for r in self._records.values() if r.ticket.ended_s is not None]
        for record in sorted(ended, key=lambda r: (r.sweep_s, r.seq))[:surplus]:
            self._forget(record)
        return changed + surplus

    def stats(self) -> QueueStats:
        oldest = next((r.ticket for r in self._records.values() if r.ticket.status in PENDING), None)
        return QueueStats(
            counts={status.value: count for status, count in self._tally.counts.items()},
            stored_bytes=self._tally.stored_bytes,
            oldest_pending_s=None if oldest is None else self._clock.wall() - oldest.created_s,
        )

    def list(self, status: TicketStatus | None, limit: int, after: str) -> Tickets:
        seq = 0
        if after:
            record = self._records.get(after)
            if record is None:
                return []
            seq = record.seq
        wanted = (r for r in self._records.values() if r.seq > seq and status in (None, r.ticket.status))
        first = itertools.islice(wanted, min(limit, self._limits.list_tickets_max))
        return [msgspec.structs.replace(record.ticket, answer=None) for record in first]

    def redrive(self, names: Sequence[str]) -> int:
        found = map(self._records.get, dict.fromkeys(names)) if names else self._records.values()
        now, room = self._clock.wall(), self._limits.tickets_max - self._tally.pending
        dead = [r for r in found if r is not None and r.ticket.status in REDRIVABLE]
        for record in dead[: max(0, room)]:
            record.sweep_s = now + self._limits.ticket_ttl_s
            self._become(record, TicketStatus.QUEUED, due_s=now, ended_s=None, tries=0)
        return len(dead[: max(0, room)])

    def purge(self, status: TicketStatus, older_than_s: float) -> int:
        until = self._clock.wall() - older_than_s
        ended = [r for r in self._records.values() if r.ticket.status is status]
        old = [r for r in ended if r.ticket.ended_s is not None and r.ticket.ended_s <= until]
        for record in old:
            self._forget(record)
        return len(old)

    def _held(self, claim: Claim) -> Record | None:
        record = self._records.get(claim.ticket)
        if record is None or record.token != claim.token or record.ticket.status is not TicketStatus.RUNNING:
            return None
        return record

    def _lease(self, record: Record, until_s: float) -> Claim:
        record.token += 1
        self._become(record, TicketStatus.RUNNING, due_s=until_s, tries=record.ticket.tries + 1)
        assert record.envelope is not None, "a pending ticket has lost its envelope"
        return Claim(
            ticket=record.ticket.id, token=record.token, tries=record.ticket.tries, envelope=record.envelope
        )

    def _end(self, record: Record, status: TicketStatus, reason: str, answer: Answer | None = None) -> None:
        now = self._clock.wall()
        if status not in REDRIVABLE:
            record.envelope = None
            self._charge(record, 0 if answer is None else answer_charge(answer))
        record.sweep_s = now + kept_s(status, self._limits)
        self._become(record, status, ended_s=now, reason=reason, answer=answer)

    def _become(self, record: Record, status: TicketStatus, **changes: object) -> None:
        self._tally.leave(record.ticket.status, 0)
        self._tally.enter(status, 0)
        record.ticket = msgspec.structs.replace(record.ticket, status=status, **changes)
        if status in PENDING:
            heapq.heappush(self._due, (record.ticket.due_s, record.seq, record))

    def _charge(self, record: Record, charge: int) -> None:
        self._tally.stored_bytes += charge - record.charge
        record.charge = charge

    def _forget_in_part(self, record: Record, now: float) -> int:
        if record.ticket.answer is None:
            self._forget(record)
            return 1
        record.ticket = msgspec.structs.replace(record.ticket, answer=None)
        record.sweep_s += self._limits.tombstone_ttl_s
        self._charge(record, 0)
        return 1 + (self._forget_in_part(record, now) if record.sweep_s <= now else 0)

    def _forget(self, record: Record) -> None:
        del self._records[record.ticket.id]
        if record.key:
            del self._by_key[record.key]
        self._tally.leave(record.ticket.status, record.charge)
