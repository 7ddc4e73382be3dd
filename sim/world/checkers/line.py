"""I2, I3, I4 and I11: who waits before an application, who goes first, who is shed.

Checkers of what a `Line` is told, so that they hold for any waiting line; `probe.py` tells of the gates'.
An eligible waiter is one whose deadline has not passed. Ranks are the classes': 0 is the most critical.
"""

from proxy.routing.table import Table
from proxy.timers import TICK_S
from sim.world.watch import Checker

SLACK_S = 1.5 * TICK_S
"""A permit of the rate falls free at a moment that only a timer tells, and that has ticks."""


class Waiter:
    """One who waits; `passed_by` counts the less critical ones that were called meanwhile."""

    __slots__ = ("deadline_s", "passed_by", "rank", "since_s")

    def __init__(self, rank: int, since_s: float, deadline_s: float) -> None:
        self.rank = rank
        self.since_s = since_s
        self.deadline_s = deadline_s
        self.passed_by = 0


class Line(Checker):
    """Keeps the lines of all applications as they were told; a subclass judges.

    With `book` it reads the lines that another one keeps, which alone is told then who came and who left.
    """

    def __init__(self, book: "Line | None" = None) -> None:
        super().__init__()
        self.lines: dict[str, dict[str, Waiter]] = {} if book is None else book.lines

    def on_wait(self, application: str, rank: int, request_id: str, now: float, deadline_s: float) -> None:
        self.lines.setdefault(application, {})[request_id] = Waiter(rank, now, deadline_s)

    def on_dispatch(self, application: str, rank: int, request_id: str, now: float) -> None:
        self.on_leave(application, request_id)

    def on_shed(self, application: str, rank: int, request_id: str, now: float) -> None:
        self.on_leave(application, request_id)

    def on_leave(self, application: str, request_id: str) -> None:
        self.lines.get(application, {}).pop(request_id, None)

    def on_rest(self, application: str, free: bool, now: float) -> None:
        """An instant is over; `free`: the application could take one more call."""

    def eligible(self, application: str, now: float) -> list[tuple[str, Waiter]]:
        """Who could still be served, in the order in which they came."""
        return [
            (name, each) for name, each in self.lines.get(application, {}).items() if each.deadline_s > now
        ]


class CriticalFirst(Line):
    """I2: no more critical one waits when one is dispatched; no less critical one stays when one is shed."""

    rule = "I2 the most critical first"

    def on_dispatch(self, application: str, rank: int, request_id: str, now: float) -> None:
        super().on_dispatch(application, rank, request_id, now)
        for name, each in self.eligible(application, now):
            if each.rank < rank:
                self.broken(f"{application}: {request_id} of rank {rank} goes before {name} of {each.rank}")

    def on_shed(self, application: str, rank: int, request_id: str, now: float) -> None:
        super().on_shed(application, rank, request_id, now)
        for name, each in self.eligible(application, now):
            if each.rank > rank:
                self.broken(
                    f"{application}: {request_id} of rank {rank} is shed, {name} of {each.rank} stays"
                )


class OneSlot(Line):
    """I3: while a critical one waits no less critical one is called, but for the one it waits for."""

    rule = "I3 one slot's residual service at most"

    def on_dispatch(self, application: str, rank: int, request_id: str, now: float) -> None:
        super().on_dispatch(application, rank, request_id, now)
        for name, each in self.eligible(application, now):
            if each.rank < rank:
                each.passed_by += 1
                if each.passed_by > 1:
                    self.broken(
                        f"{application}: {each.passed_by} have gone before {name} of rank {each.rank}"
                    )


class WorkConserving(Line):
    """I4: no free permit stays beside an eligible waiter."""

    rule = "I4 work-conserving"

    def __init__(self, book: Line | None = None) -> None:
        super().__init__(book)
        self._idle_s: dict[str, float] = {}  # since when

    def on_rest(self, application: str, free: bool, now: float) -> None:
        if not (free and self.eligible(application, now)):
            self._idle_s.pop(application, None)
            return
        since_s = self._idle_s.setdefault(application, now)
        if now - since_s > SLACK_S:
            count = len(self.eligible(application, now))
            self.broken(f"{application} is free for {now - since_s:.4f} s and {count} wait")


class TicketsLast(Line):
    """I11: no ticket is replayed while an online request waits for that application."""

    rule = "I11 tickets last"

    def on_dispatch(self, application: str, rank: int, request_id: str, now: float) -> None:
        super().on_dispatch(application, rank, request_id, now)
        if rank < Table.OFFLINE.rank:
            return
        online = [name for name, each in self.eligible(application, now) if each.rank < Table.OFFLINE.rank]
        if online:
            self.broken(f"{application}: ticket {request_id} is replayed while {online[0]} waits")
