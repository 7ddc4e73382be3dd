"""What is answered about a ticket: pure."""

import msgspec

from proxy.messages import Answer
from proxy.problem import problem
from proxy.tickets import Ticket, TicketStatus

RETRY_S_MIN = 1
RETRY_S_MAX = 30

_JSON = ((b"Content-Type", b"application/json"),)
_DONE_REASONS = {410: "its result was kept no longer", 409: "it has its answer"}
_PENDING = (TicketStatus.QUEUED, TicketStatus.RUNNING)


def ticket_answer(ticket: Ticket | None, name: str, now: float) -> Answer:
    """202 pending, the model's own answer when done, 410 with the reason when ended without, 404 unknown."""
    if ticket is None:
        return problem(404, f"no ticket {name}")
    if ticket.status in _PENDING:
        return _pending(ticket, now)
    if ticket.status is TicketStatus.DONE and ticket.answer is not None:
        return ticket.answer
    return _ended(ticket, 410)


def cancel_answer(ticket: Ticket | None, name: str, now: float) -> Answer:
    """200 for a ticket that is cancelled (again, too), 409 where it had ended otherwise, 404 unknown."""
    if ticket is None or ticket.status in _PENDING:
        return ticket_answer(ticket, name, now)
    if ticket.status is not TicketStatus.CANCELLED:
        return _ended(ticket, 409)
    said = {"ticket": ticket.id, "status": ticket.status.value}
    return Answer(status=200, headers=_JSON, body=msgspec.json.encode(said))


def _ended(ticket: Ticket, status: int) -> Answer:
    """Why there is no answer, or no cancelling, any more."""
    reason = ticket.reason if ticket.status is not TicketStatus.DONE else _DONE_REASONS[status]
    said = {
        "error": f"ticket {ticket.status.value}: {reason}",
        "ticket": ticket.id,
        "status": ticket.status.value,
    }
    return Answer(status=status, headers=_JSON, body=msgspec.json.encode(said))


def _pending(ticket: Ticket, now: float) -> Answer:
    wait_s = min(max(RETRY_S_MIN, round(ticket.due_s - now)), RETRY_S_MAX)
    return Answer(
        status=202,
        headers=(*_JSON, (b"Retry-After", b"%d" % wait_s)),
        body=msgspec.json.encode({"ticket": ticket.id, "status": ticket.status.value, "tries": ticket.tries}),
    )
