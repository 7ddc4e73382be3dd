"""The tickets in an SQLite database: each operation inside a transaction that the writer began.

Never begins or commits by itself, and is used by one thread at a time. Whoever rolls back puts the
`tally` back as it was before.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from proxy.messages import Answer
from proxy.offline import statements as sql
from proxy.offline.fingerprint import fingerprint
from proxy.offline.life import CANCELLED_REASON, EXPIRED_REASON, kept_s, known
from proxy.offline.limits import QueueLimits
from proxy.offline.quota import REDRIVABLE, Tally, answer_charge, envelope_charge
from proxy.offline.store import Claims, Tickets
from proxy.ports import Clock
from proxy.tickets import Accepted, Claim, Envelope, Put, QueueStats, Refusal, Refused, Ticket, TicketStatus

Row = tuple[int, str, int]
"""seq, status and charge of a ticket."""

_encode = msgspec.msgpack.Encoder().encode
_decode_envelope = msgspec.msgpack.Decoder(Envelope).decode
_decode_answer = msgspec.msgpack.Decoder(Answer).decode
_decode_labels = msgspec.json.Decoder(tuple[str, ...]).decode


class SqliteStore:
    """`Store` over the one connection."""

    def __init__(
        self, *, connection: sqlite3.Connection, clock: Clock, limits: QueueLimits, new_id: Callable[[], str]
    ) -> None:
        self._run = connection.execute
        self._clock = clock
        self._limits = limits
        self._new_id = new_id
        self.tally = Tally()
        for status, count, charge in self._run(sql.TALLY):
            self.tally.counts[TicketStatus(status)] = count
            self.tally.stored_bytes += charge

    def put(self, envelope: Envelope) -> Put:
        key = envelope.idempotency_key or None
        digest = fingerprint(envelope) if key is not None else b""
        earlier = self._run(sql.BY_KEY, (key,)).fetchone() if key is not None else None
        if earlier is not None:
            return known(earlier[0], earlier[1] == digest)
        charge = envelope_charge(envelope)
        shortage = self.tally.shortage(charge, self._limits)
        if shortage:
            return Refused(why=Refusal.FULL, message=shortage)
        return Accepted(ticket=self._insert(envelope, key, digest, charge), fresh=True)

    def _insert(self, envelope: Envelope, key: str | None, digest: bytes, charge: int) -> str:
        name, now = self._new_id(), self._clock.wall()
        labels = msgspec.json.encode(envelope.labels).decode()
        e = envelope
        described = (e.request_id, e.model, e.class_name, labels, e.reason, key, digest)
        sweep_s = now + self._limits.ticket_ttl_s
        row = (name, *described, now, now, sweep_s, len(e.body), charge)
        seq = self._run(sql.INSERT, row).lastrowid
        self._run(sql.INSERT_ENVELOPE, (seq, _encode(envelope)))
        self.tally.enter(TicketStatus.QUEUED, charge)
        return name

    def erase(self, name: str) -> None:
        """Undo a put whose caller was told that it failed."""
        row = self._run(sql.PENDING, (name,)).fetchone()
        assert row is not None, "a ticket that nobody knows of has changed"
        self._forget(*row)

    def find(self, name: str) -> Ticket | None:
        row = self._run(sql.FIND, (name,)).fetchone()
        return None if row is None else _ticket(row)

    def cancel(self, name: str) -> Ticket | None:
        row = self._run(sql.PENDING, (name,)).fetchone()
        if row is not None:
            self._end(row, TicketStatus.CANCELLED, CANCELLED_REASON)
        return self.find(name)

    def claim(self, limit: int, lease_s: float) -> Claims:
        now = self._clock.wall()
        claims = []
        for seq, name, status, token, tries, data in self._run(sql.DUE, (now, now, limit)).fetchall():
            self._run(sql.LEASE, (token + 1, tries + 1, now + lease_s, seq))
            self._move(status, TicketStatus.RUNNING)
            claims.append(
                Claim(ticket=name, token=token + 1, tries=tries + 1, envelope=_decode_envelope(data))
            )
        return claims

    def extend(self, claims: Sequence[Claim], lease_s: float) -> int:
        due_s = self._clock.wall() + lease_s
        return sum(self._run(sql.EXTEND, (due_s, claim.ticket, claim.token)).rowcount for claim in claims)

    def complete(self, claim: Claim, answer: Answer) -> bool:
        row = self._held(claim)
        if row is None:
            return False
        self._end(row[:3], TicketStatus.DONE, row[4], answer)
        return True

    def release(self, claim: Claim, delay_s: float, reason: str) -> bool:
        row = self._held(claim)
        if row is None:
            return False
        seq, status, _, created_s, _ = row
        due_s = self._clock.wall() + delay_s if delay_s > 0 else created_s
        self._run(sql.RELEASE, (due_s, reason, seq))
        self._move(status, TicketStatus.QUEUED)
        return True

    def bury(self, claim: Claim, reason: str) -> bool:
        row = self._held(claim)
        if row is None:
            return False
        self._end(row[:3], TicketStatus.DEAD, reason)
        return True

    def sweep(self) -> int:
        now, batch = self._clock.wall(), self._limits.batch_tickets_max
        overdue = self._run(sql.OVERDUE, (now, now, batch)).fetchall()
        for row in overdue:
            self._end(row, TicketStatus.EXPIRED, EXPIRED_REASON)
        outlived = self._run(sql.OUTLIVED, (now, batch)).fetchall()
        for seq, status, charge, sweep_s, answered in outlived:
            if answered:
                self._run(sql.DELETE_ANSWER, (seq,))
                self._run(sql.TOMBSTONE, (sweep_s + self._limits.tombstone_ttl_s, seq))
                self.tally.stored_bytes -= charge
            else:
                self._forget(seq, status, charge)
        surplus = 0
        if not overdue and not outlived:  # counted when the rest is done, over all that has ended
            surplus = min(max(0, self.tally.ended - self._limits.ended_max), batch)
        for row in self._run(sql.SURPLUS, (surplus,)).fetchall():
            self._forget(*row)
        return len(overdue) + len(outlived) + surplus

    def stats(self) -> QueueStats:
        created_s = self._run(sql.OLDEST_PENDING).fetchone()[0]
        return QueueStats(
            counts={status.value: count for status, count in self.tally.counts.items()},
            stored_bytes=self.tally.stored_bytes,
            oldest_pending_s=None if created_s is None else self._clock.wall() - created_s,
        )

    def list(self, status: TicketStatus | None, limit: int, after: str) -> Tickets:
        seq = 0
        if after:
            row = self._run(sql.SEQ, (after,)).fetchone()
            if row is None:
                return []
            seq = row[0]
        count = min(limit, self._limits.list_tickets_max)
        if status is None:
            rows = self._run(sql.LIST, (seq, count))
        else:
            rows = self._run(sql.LIST_STATUS, (seq, status.value, count))
        return [_ticket(row) for row in rows.fetchall()]

    def redrive(self, names: Sequence[str]) -> int:
        room = max(0, self._limits.tickets_max - self.tally.pending)
        batch = min(room, self._limits.batch_tickets_max)
        if names:
            rows = [row for name in dict.fromkeys(names) for row in self._run(sql.REDRIVABLE_NAMED, (name,))]
        else:
            rows = sorted(row for s in REDRIVABLE for row in self._run(sql.REDRIVABLE, (s.value, batch)))
        now = self._clock.wall()
        for seq, status, _ in rows[:batch]:
            self._run(sql.REDRIVE, (now, now + self._limits.ticket_ttl_s, seq))
            self._move(status, TicketStatus.QUEUED)
        return len(rows[:batch])

    def purge(self, status: TicketStatus, older_than_s: float) -> int:
        until = self._clock.wall() - older_than_s
        rows = self._run(sql.ENDED_BEFORE, (status.value, until, self._limits.batch_tickets_max)).fetchall()
        for row in rows:
            self._forget(*row)
        return len(rows)

    def _held(self, claim: Claim) -> tuple[int, str, int, float, str] | None:
        row: tuple[int, str, int, float, str] | None
        row = self._run(sql.HELD, (claim.ticket, claim.token)).fetchone()
        return row

    def _end(self, row: Row, end: TicketStatus, reason: str, answer: Answer | None = None) -> None:
        seq, status, charge = row
        kept = charge if end in REDRIVABLE else 0
        if end not in REDRIVABLE:
            self._run(sql.DELETE_ENVELOPE, (seq,))
        if answer is not None:
            self._run(sql.INSERT_ANSWER, (seq, _encode(answer)))
            kept = answer_charge(answer)
        now = self._clock.wall()
        self._run(sql.END, (end.value, now, now + kept_s(end, self._limits), reason, kept, seq))
        self.tally.leave(TicketStatus(status), charge)
        self.tally.enter(end, kept)

    def _move(self, status: str, to: TicketStatus) -> None:
        self.tally.leave(TicketStatus(status), 0)
        self.tally.enter(to, 0)

    def _forget(self, seq: int, status: str, charge: int) -> None:
        self._run(sql.DELETE, (seq,))
        self.tally.leave(TicketStatus(status), charge)


def _ticket(row: tuple[Any, ...]) -> Ticket:
    name, status, request_id, model, class_name, labels, *numbers, answer = row
    created_s, due_s, ended_s, tries, reason, body_bytes = numbers
    return Ticket(
        id=name,
        status=TicketStatus(status),
        request_id=request_id,
        model=model,
        class_name=class_name,
        labels=_decode_labels(labels),
        created_s=created_s,
        due_s=due_s,
        ended_s=ended_s,
        tries=tries,
        reason=reason,
        body_bytes=body_bytes,
        answer=None if answer is None else _decode_answer(answer),
    )
