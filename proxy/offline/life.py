"""The life of a ticket: how it begins, what a second request under its key gets, how long it is kept."""

import secrets

from proxy.offline.limits import QueueLimits
from proxy.offline.quota import REDRIVABLE
from proxy.tickets import Accepted, Envelope, Put, Refusal, Refused, Ticket, TicketStatus

CANCELLED_REASON = "cancelled"
EXPIRED_REASON = "no model server served it within its time to live"


def new_ticket_id() -> str:
    """128 random bits, for whoever knows a ticket may read its answer.

    Hexadecimal: nothing in it means anything to a shell, a URL or an option parser.
    """
    return secrets.token_hex(16)


def known(ticket: str, same: bool) -> Put:
    """What a repeated Idempotency-Key gets."""
    if same:
        return Accepted(ticket=ticket, fresh=False)
    return Refused(why=Refusal.MISMATCH, message="this Idempotency-Key was used for another request")


def fresh_ticket(name: str, envelope: Envelope, now: float) -> Ticket:
    """A ticket as it is made."""
    return Ticket(
        id=name,
        status=TicketStatus.QUEUED,
        request_id=envelope.request_id,
        model=envelope.model,
        class_name=envelope.class_name,
        labels=envelope.labels,
        created_s=now,
        due_s=now,
        ended_s=None,
        tries=0,
        reason=envelope.reason,
        body_bytes=len(envelope.body),
    )


def kept_s(status: TicketStatus, limits: QueueLimits) -> float:
    """How long after its end a sweep leaves a ticket as it is."""
    if status is TicketStatus.DONE:
        return limits.result_ttl_s
    return limits.dead_ttl_s if status in REDRIVABLE else limits.tombstone_ttl_s
