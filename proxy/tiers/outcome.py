"""What an answer means, and what falls through: two tables, nothing else."""

from typing import Final

from proxy.messages import Answer, Outcome

FALLS_THROUGH: dict[Outcome, bool] = {
    Outcome.OK: False,
    Outcome.REJECTED: False,
    Outcome.SUPERSEDED: False,
    Outcome.REFUSED: True,
    Outcome.RESET: True,
    Outcome.TIMEOUT: True,
    Outcome.THROTTLED: True,
    Outcome.FAILED: True,
    Outcome.DENIED: True,
    Outcome.GARBAGE: True,
}

BLAMES: dict[Outcome, bool] = {
    # Does the outcome speak against the application's health? Load and the caller's errors do not.
    Outcome.OK: False,
    Outcome.REJECTED: False,
    Outcome.SUPERSEDED: False,
    Outcome.THROTTLED: False,
    Outcome.REFUSED: True,
    Outcome.RESET: True,
    Outcome.TIMEOUT: True,
    Outcome.FAILED: True,
    Outcome.DENIED: True,
    Outcome.GARBAGE: True,
}

_OK: Final = Outcome.OK
_BY_STATUS: dict[int, Outcome] = {
    401: Outcome.DENIED,
    403: Outcome.DENIED,
    408: Outcome.FAILED,
    429: Outcome.THROTTLED,
    450: Outcome.THROTTLED,  # EAS: its queue is full
}


def outcome_of(status: int) -> Outcome:
    """The outcome that a final HTTP status (200 to 599) stands for; anything else is GARBAGE."""
    if 200 <= status < 300:
        return _OK
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return Outcome.REJECTED
    if 500 <= status < 600:
        return Outcome.FAILED
    return Outcome.GARBAGE


CATALOG_FALLS_THROUGH: dict[Outcome, bool] = {**FALLS_THROUGH, Outcome.REJECTED: True}
"""For questions about a model (metadata, readiness): an application that does not know it passes on."""


def retry_after_of(answer: Answer) -> float | None:
    """Seconds of quiet that a throttling server asks for (429, 450, 503 with Retry-After in seconds)."""
    if answer.status not in (429, 450, 503):
        return None
    for name, value in answer.fields:
        if name.lower() == b"retry-after" and value.isdigit():
            return float(value)
    return None
