"""Which tickets are poison: the model server fails on them while it serves others. Pure.

A fleet that is down must kill no ticket, however long it is down. So a failed try counts as a strike
only when the application that failed on it (an error status, a broken answer or a connection that
ended; not a time-out, a refusal or being passed over) has served something else since this ticket's
last failure there. The first failure is no strike: it only sets the mark to compare with.
The memory is this process's own: after a restart a suspect starts anew, and ends by its time to live.
"""

from collections.abc import Callable

import msgspec

from proxy.messages import Attempt, Outcome

_SPEAKS_OF_THE_TICKET = (Outcome.FAILED, Outcome.RESET, Outcome.GARBAGE)


class Record(msgspec.Struct):
    """What is held against one ticket."""

    failures: int = 0
    strikes: int = 0
    marks: dict[str, int] = msgspec.field(default_factory=dict)  # served by application, at the last failure


class Suspects:
    """The tickets that failed lately, at most `suspects_max`; the one first seen is forgotten first."""

    def __init__(self, *, served: Callable[[str], int], suspects_max: int) -> None:
        self._served = served
        self._suspects_max = suspects_max
        self._records: dict[str, Record] = {}

    def fail(self, ticket: str, attempts: tuple[Attempt, ...]) -> Record:
        """A try found no answer: the ticket's record after it."""
        if ticket not in self._records and len(self._records) >= self._suspects_max:
            del self._records[next(iter(self._records))]
        record = self._records.setdefault(ticket, Record())
        record.failures += 1
        struck = False
        for attempt in attempts:
            if attempt.outcome in _SPEAKS_OF_THE_TICKET:
                served = self._served(attempt.application)
                struck |= served > record.marks.get(attempt.application, served)
                record.marks[attempt.application] = served
        record.strikes += struck
        return record

    def clear(self, ticket: str) -> None:
        """The ticket has ended."""
        self._records.pop(ticket, None)
