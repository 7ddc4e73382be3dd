"""What is kept and what room is left: the counts by status, and the bytes that count against the quota."""

from proxy.messages import Answer, Headers
from proxy.offline.limits import QueueLimits
from proxy.tickets import Envelope, TicketStatus

PENDING = (TicketStatus.QUEUED, TicketStatus.RUNNING)
REDRIVABLE = (TicketStatus.DEAD, TicketStatus.EXPIRED)

RECORD_BYTES = 512
"""What a ticket costs besides its content: its row and its places in the indices, rounded up."""


def envelope_charge(envelope: Envelope) -> int:
    """Bytes that a parked request counts for."""
    return RECORD_BYTES + _headers_bytes(envelope.headers) + len(envelope.target) + len(envelope.body)


def answer_charge(answer: Answer) -> int:
    """Bytes that a kept answer counts for."""
    return RECORD_BYTES + _headers_bytes(answer.headers) + len(answer.block) + len(answer.body)


def _headers_bytes(headers: Headers) -> int:
    return sum(len(name) + len(value) for name, value in headers)


class Tally:
    """The running counts of one queue. A transaction that fails goes back to the copy made before it."""

    __slots__ = ("counts", "stored_bytes")

    def __init__(self, counts: dict[TicketStatus, int] | None = None, stored_bytes: int = 0) -> None:
        self.counts = counts if counts is not None else dict.fromkeys(TicketStatus, 0)
        self.stored_bytes = stored_bytes

    def copy(self) -> "Tally":
        """The counts as they are now."""
        return Tally(dict(self.counts), self.stored_bytes)

    def enter(self, status: TicketStatus, charge: int) -> None:
        """A ticket is there."""
        self.counts[status] += 1
        self.stored_bytes += charge

    def leave(self, status: TicketStatus, charge: int) -> None:
        """A ticket is forgotten, or changes and enters anew."""
        self.counts[status] -= 1
        self.stored_bytes -= charge
        assert self.counts[status] >= 0, "more tickets left than had entered"

    @property
    def pending(self) -> int:
        """Tickets that have not ended."""
        return sum(self.counts[status] for status in PENDING)

    @property
    def ended(self) -> int:
        """Tickets that are remembered after their end."""
        return sum(self.counts.values()) - self.pending

    def shortage(self, charge: int, limits: QueueLimits) -> str:
        """Why there is no room for one more ticket of this charge; empty where there is."""
        if self.pending >= limits.tickets_max:
            return f"the offline queue holds {self.pending} tickets, its quota"
        if self.stored_bytes + charge > limits.stored_bytes_max:
            return f"the offline queue holds {self.stored_bytes} bytes, too near its quota"
        return ""
