"""A front's books: which of its slots is where, and what comes back. It knows no callers and no event loop.

A slot is the front's until its number goes into a ring, the seat's until it comes back, and the front's again
when the seat has died. So nothing is ever written into memory that serves another request already; the
generation in each message only says so once more.
"""

import os
from collections.abc import Callable

from workers.errors import Overloaded
from workers.tree.bell import ring
from workers.tree.estate import Estate, Plan
from workers.tree.heap import Heap
from workers.tree.ring import Ring
from workers.tree.slot import (
    Answer,
    Ask,
    Note,
    cancel,
    next_generation,
    pack,
    read_answer,
    unpack,
    write_ask,
)

Settle = Callable[[int, Answer | None], None]
"""Called with a slot that is back, and how it ended; None where its seat died with it."""


class Seat:
    """One worker, as a front sees it."""

    def __init__(self, bell: int, rings: tuple[Ring, Ring]) -> None:
        self.bell = bell
        self.to, self.back = rings
        self.held: dict[int, Settle] = {}  # slots that are there


class Desk:
    """All slots of one front."""

    def __init__(self, estate: Estate, plan: Plan) -> None:
        self._estate = estate
        self._memory = estate.memory
        self.heap = Heap(plan.heap_bytes)
        self.bytes = estate.heap
        self._free = list(range(plan.slots))
        self._generations = [0] * plan.slots
        self._seats: dict[int, Seat] = {}
        self._unrung: set[int] = set()
        self._slots = plan.slots
        self._seats_max = plan.seats

    @property
    def open(self) -> int:
        """Slots in use."""
        return self._slots - len(self._free)

    def take(self) -> int:
        """A slot. Raises Overloaded."""
        if not self._free:
            raise Overloaded(f"this server holds {self._slots} requests already")
        return self._free.pop()

    def give(self, slot: int) -> None:
        """A slot that is at no seat is free again."""
        self._generations[slot] = next_generation(self._generations[slot])
        self._free.append(slot)

    def generation(self, slot: int) -> int:
        """Of its present use."""
        return self._generations[slot]

    def send(self, seat: int, slot: int, ask: Ask, settle: Settle) -> None:
        """Hand a slot over; `flush` wakes the seat."""
        there = self._seats[seat]
        write_ask(self._memory, slot, ask)
        there.held[slot] = settle
        there.to.push(pack(Note.JOB, slot, ask.generation))
        self._unrung.add(there.bell)

    def cancel(self, seat: int, slot: int) -> None:
        """Nobody waits for a slot any more; it comes back soon."""
        there = self._seats.get(seat)
        if there is None or slot not in there.held:
            return
        cancel(self._memory, slot)
        there.to.push(pack(Note.CANCEL, slot, self._generations[slot]))
        self._unrung.add(there.bell)

    def flush(self) -> None:
        """Wake whom something was sent to."""
        for bell in self._unrung:
            ring(bell)
        self._unrung.clear()

    def collect(self) -> int:
        """Settle all that came back; how many."""
        return sum(self._collect(seat) for seat in tuple(self._seats.values()))

    def seated(self, number: int, bell: int) -> None:
        """A worker sits there."""
        assert number not in self._seats, "its predecessor was vacated"
        self._seats[number] = Seat(bell, self._estate.rings(number))

    def vacated(self, number: int) -> None:
        """The worker there has died: settle what it had done, then what it had not."""
        seat = self._seats.get(number)
        if seat is None:
            return
        self._collect(seat)
        del self._seats[number]
        self._unrung.discard(seat.bell)
        seat.to.clear()
        seat.back.clear()
        os.close(seat.bell)
        for slot, settle in seat.held.items():
            settle(slot, None)

    def column(self, seat: int, columns: int) -> int:
        """Of a predictor's seat in a ledger of so many: the last seats have the last columns."""
        return columns - self._seats_max + seat

    def at(self, number: int) -> int:
        """How many slots are at a seat."""
        seat = self._seats.get(number)
        return 0 if seat is None else len(seat.held)

    def _collect(self, seat: Seat) -> int:
        count = 0
        for message in seat.back.pop_all():
            _, slot, generation = unpack(message)
            if generation != self._generations[slot] or slot not in seat.held:
                continue  # of a use that is over
            settle = seat.held.pop(slot)
            settle(slot, read_answer(self._memory, slot))
            count += 1
        return count
