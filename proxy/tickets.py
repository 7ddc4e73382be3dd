"""The nouns of the offline queue: what is stored, what is claimed, and the states of a ticket."""

import enum

import msgspec

from proxy.messages import Answer, Headers


class TicketStatus(enum.Enum):
    """QUEUED and RUNNING are pending; the others are ends, and a ticket has exactly one end."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"  # it failed again and again while others were served; an operator can redrive it
    EXPIRED = "expired"  # nobody served it within its time to live; can be redriven too
    CANCELLED = "cancelled"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is parked: enough to send it again as it came."""

    request_id: str
    method: bytes
    target: bytes
    model: str
    version: str
    headers: Headers
    body: bytes
    class_name: str
    labels: tuple[str, ...]
    reason: str  # why no tier served it: the attempts in words
    idempotency_key: str = ""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Durable: the commit has returned."""

    ticket: str
    fresh: bool  # False: an earlier ticket with the same Idempotency-Key stands for it


class Refusal(enum.StrEnum):
    """Why the queue did not take a request."""

    FULL = "full"  # the byte or count quota
    BROKEN = "broken"  # the disk or the store failed
    MISMATCH = "mismatch"  # the Idempotency-Key was used for another request


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Not stored; the caller gets 503 with Retry-After (422 on a mismatch), never 202."""

    why: Refusal
    message: str


Put = Accepted | Refused


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket in hand. `token` fences: whoever lost the lease cannot end the ticket."""

    ticket: str
    token: int
    tries: int  # this one included
    envelope: Envelope


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a ticket. Times are Unix seconds."""

    id: str
    status: TicketStatus
    request_id: str
    model: str
    class_name: str
    labels: tuple[str, ...]
    created_s: float
    due_s: float
    ended_s: float | None
    tries: int
    reason: str  # why it was parked, or why it ended without an answer
    body_bytes: int
    answer: Answer | None = None


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and stored bytes by status, and the age of the oldest pending ticket."""

    counts: dict[str, int]
    stored_bytes: int
    oldest_pending_s: float | None
