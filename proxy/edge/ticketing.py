"""What is answered about a ticket: pure."""

import msgspec

from proxy.messages import Answer
from proxy.problem import problem
from proxy.tickets import Ticket, TicketStatus

RETRY_S_MIN = 1
RETRY_S_MAX = 30

_PENDING = (TicketStatus.QUEUED, TicketStatus.RUNNING)


def ticket_answer(ticket: Ticket | None, name: str, now: float) -> Answer:
    """202 pending, the model's own answer when done, 410 with the reason when ended without, 404 unknown."""
    if ticket is None:
        return problem(404, f"no ticket {name}")
    if ticket.status in _PENDING:
        return _pending(ticket, now)
    if ticket.status is TicketStatus.DONE and ticket.answer is not None:
        return ticket.answer
    reason = ticket.reason if ticket.status is not TicketStatus.DONE else "its result was kept no longer"
    return Answer(
        status=410,
        headers=((b"Content-Type", b"application/json"),),
        body=msgspec.json.encode(
            {
                "error": f"ticket {ticket.status.value}: {reason}",
                "ticket": ticket.id,
                "status": ticket.status.value,
            }
        ),
    )


def _pending(ticket: Ticket, now: float) -> Answer:
    wait_s = min(max(RETRY_S_MIN, round(ticket.due_s - now)), RETRY_S_MAX)
    return Answer(
        status=202,
        headers=((b"Content-Type", b"application/json"), (b"Retry-After", b"%d" % wait_s)),
        body=msgspec.json.encode({"ticket": ticket.id, "status": ticket.status.value, "tries": ticket.tries}),
    )
