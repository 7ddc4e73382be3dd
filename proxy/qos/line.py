"""The line of an application: requests that wait for one of its permits, in the order in which they get one.

The most critical first; among equals the earlier deadline. Who came first is first where both are equal.
Decides the order, who may join and who is sent away; never when a permit is free (`gate.py`), and it never
waits. Strict order between classes is safe for the less critical: what is predicted not to be served in
time does not join, and is parked at once instead.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Final

WAITERS_MAX = 10_000
"""In one line. Beyond it the least critical waiter is sent away; prediction keeps lines far shorter."""


class Waiter:
    """A request that waits, in one line or in several; times are monotonic seconds.

    `wake` is called with the application when it has a permit to give. True: the waiter has left that line,
    with the permit or because its time is over; False: somebody else was quicker, and it still waits.
    `evict` is called with the application whose line it was sent away from.
    """

    __slots__ = ("deadline", "evict", "rank", "request_id", "since_s", "wake")

    def __init__(
        self,
        *,
        rank: int,  # of its class, 0 = the most critical
        deadline: float,
        since_s: float,
        request_id: str,
        wake: Callable[[str, float], bool],
        evict: Callable[[str], None],
    ) -> None:
        self.rank: Final = rank
        self.deadline: Final = deadline
        self.since_s: Final = since_s
        self.request_id: Final = request_id
        self.wake: Final = wake
        self.evict: Final = evict


class Place:
    """A waiter's place in one line; compares as the line is ordered."""

    __slots__ = ("deadline", "rank", "serial", "waiter")

    def __init__(self, waiter: Waiter, serial: int) -> None:
        self.waiter: Final = waiter
        self.rank: Final = waiter.rank
        self.deadline: Final = waiter.deadline
        self.serial: Final = serial

    def __lt__(self, other: "Place") -> bool:
        if self.rank != other.rank:
            return self.rank < other.rank
        if self.deadline != other.deadline:
            return self.deadline < other.deadline
        return self.serial < other.serial


class Line:
    """The line of one application: `waiting` are in it; `pulsing`: its pulse is armed; `changes` so far."""

    __slots__ = ("_places", "_serial", "application", "changes", "pulsing", "waiting")

    def __init__(self, application: str) -> None:
        self.application: Final = application
        self._places: list[Place] = []
        self._serial = 0
        self.waiting = 0
        self.changes = 0
        self.pulsing = False

    def ahead_of(self, waiter: Waiter) -> int:
        """How many would be served before it, if it joined now."""
        if not self._places:
            return 0
        return bisect_left(self._places, Place(waiter, self._serial + 1))

    def join(self, waiter: Waiter) -> Place | None:
        """Its place, by which it leaves; None where the line is full of more critical ones."""
        self._serial += 1
        place = Place(waiter, self._serial)
        if self.waiting >= WAITERS_MAX:
            last = self._places[-1]
            if not place < last:
                return None
            self.leave(last)
            last.waiter.evict(self.application)
        insort(self._places, place)
        self.waiting = len(self._places)
        self.changes += 1
        return place

    def leave(self, place: Place) -> None:
        """It waits here no longer."""
        found = bisect_left(self._places, place)
        assert self._places[found] is place, "who leaves a line stands in it"
        del self._places[found]
        self.waiting = len(self._places)
        self.changes += 1

    @property
    def waiters(self) -> list[Waiter]:
        """All who wait, the next one first."""
        return [place.waiter for place in self._places]

    def first(self) -> Waiter:
        """The next one; there is one."""
        return self._places[0].waiter
