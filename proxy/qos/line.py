"""The line of an application: requests that wait for one of its permits, in the order in which they get one.

The most critical first; within a class callers by turns, so that one who asks a hundred times as much waits
for its own requests, not the others for it; then the earlier deadline. Turns are start-time fair queueing
(Goyal, Vin and Cheng 1996), a request being the unit; where callers are not known there are no turns.
Decides the order, who may join and who is sent away; never when a permit is free (`gate.py`), and it never
waits. Strict order between classes is safe for the less critical: what is predicted not to be served in
time does not join, and is parked at once instead.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Final

WAITERS_MAX = 10_000
"""In one line. Beyond it the least critical waiter is sent away; prediction keeps lines far shorter."""

CALLERS_MAX = 10_000
"""Whose turns are remembered while a line is never empty; beyond it those that are over are forgotten."""


class Waiter:
    """A request that waits, in one line or in several; times are monotonic seconds.

    `wake` is called with the application when it has a permit to give. True: the waiter has left that line,
    with the permit or because its time is over; False: somebody else was quicker, and it still waits.
    `evict` is called with the application whose line it was sent away from.
    """

    __slots__ = ("caller", "deadline", "evict", "rank", "request_id", "since_s", "wake")

    def __init__(
        self,
        *,
        rank: int,  # of its class, 0 = the most critical
        deadline: float,
        since_s: float,
        request_id: str,
        wake: Callable[[str, float], bool],
        evict: Callable[[str], None],
        caller: str = "",
    ) -> None:
        self.caller: Final = caller
        self.rank: Final = rank
        self.deadline: Final = deadline
        self.since_s: Final = since_s
        self.request_id: Final = request_id
        self.wake: Final = wake
        self.evict: Final = evict


class Place:
    """A waiter's place in one line; compares as the line is ordered."""

    __slots__ = ("deadline", "rank", "serial", "turn", "waiter")

    def __init__(self, waiter: Waiter, turn: float, serial: int) -> None:
        self.waiter: Final = waiter
        self.rank: Final = waiter.rank
        self.turn: Final = turn
        self.deadline: Final = waiter.deadline
        self.serial: Final = serial

    def __lt__(self, other: "Place") -> bool:
        if self.rank != other.rank:
            return self.rank < other.rank
        if self.turn != other.turn:
            return self.turn < other.turn
        if self.deadline != other.deadline:
            return self.deadline < other.deadline
        return self.serial < other.serial


class Line:
    """The line of one application: `waiting` are in it; `pulsing`: its pulse is armed; `changes` so far.

    `shed` is told of each who is sent away for want of room, while those who stay stand in the line.
    """

    __slots__ = (
        *("_next_turns", "_now_turns", "_places", "_serial"),
        *("application", "changes", "pulsing", "shed", "waiters_max", "waiting"),
    )

    def __init__(self, application: str) -> None:
        self.application: Final = application
        self._places: list[Place] = []
        self._serial = 0
        self._now_turns: dict[int, float] = {}  # by rank: the turn that is being served
        self._next_turns: dict[tuple[int, str], float] = {}  # by rank and caller: of its next request
        self.shed: Callable[[Waiter], None] = _untold
        self.waiters_max = WAITERS_MAX
        self.waiting = 0
        self.changes = 0
        self.pulsing = False

    def ahead_of(self, waiter: Waiter) -> int:
        """How many would be served before it, if it joined now."""
        if not self._places:
            return 0
        return bisect_left(self._places, Place(waiter, self._turn_of(waiter), self._serial + 1))

    def join(self, waiter: Waiter) -> Place | None:
        """Its place, by which it leaves; None where the line is full of more critical ones."""
        self._serial += 1
        place = Place(waiter, self._turn_of(waiter), self._serial)
        if self.waiting >= self.waiters_max:
            last = self._places[-1] if self._places else None
            if last is None or not place < last:
                self.shed(waiter)
                return None
            self.leave(last)
            self.shed(last.waiter)
            last.waiter.evict(self.application)
        insort(self._places, place)
        if waiter.caller:
            self._next_turns[waiter.rank, waiter.caller] = place.turn + 1.0
        self.waiting = len(self._places)
        self.changes += 1
        return place

    def leave(self, place: Place) -> None:
        """It waits here no longer."""
        found = bisect_left(self._places, place)
        assert self._places[found] is place, "who leaves a line stands in it"
        del self._places[found]
        if found == 0 or self._places[found - 1].rank != place.rank:  # the first of its class
            self._now_turns[place.rank] = max(place.turn, self._now_turns.get(place.rank, 0.0))
        self.waiting = len(self._places)
        self.changes += 1
        if not self._places:
            self._now_turns, self._next_turns = {}, {}
        elif len(self._next_turns) > CALLERS_MAX:
            self._forget()

    @property
    def waiters(self) -> list[Waiter]:
        """All who wait, the next one first."""
        return [place.waiter for place in self._places]

    def first(self) -> Waiter:
        """The next one; there is one."""
        return self._places[0].waiter

    def at(self, place: int) -> Waiter:
        """Who stands there; 0 is the next one."""
        return self._places[place].waiter

    def _turn_of(self, waiter: Waiter) -> float:
        now = self._now_turns.get(waiter.rank, 0.0)
        return max(now, self._next_turns.get((waiter.rank, waiter.caller), 0.0))

    def _forget(self) -> None:
        self._next_turns = {
            key: turn for key, turn in self._next_turns.items() if turn > self._now_turns.get(key[0], 0.0)
        }


def _untold(waiter: Waiter) -> None:
    """Nobody looks on."""
