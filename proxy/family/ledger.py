"""The ledger: permits that several processes of one proxy share, counted in memory that all of them map.

An application has a slot; in it stand GCRA's theoretical arrival time and, for each process, its calls in
flight and its calls served. Each process writes its own column alone, so a process that was killed gives
its permits back when its column is cleared. Who takes where a limit holds locks the slot with a record
lock, which the kernel drops when its holder dies. Giving back, and taking where nothing is limited, needs
no lock. Never decides which application has which slot (`slots.py`), and never waits for a permit.

Budget: 3.5 µs a limited call, of which 2 are the two system calls of the lock; 0.6 µs an unlimited one.
"""

import fcntl
import math
import mmap
import os
import weakref

from proxy.qos.permits import Shortage, gcra
from proxy.routing.table import Application

SLOTS_MAX = 262_144
"""Applications at once: 26 times what a table may have, for those of earlier tables that still end."""

WORD_BYTES = 8

_lock = fcntl.lockf


class Ledger:
    """One process's view of the shared memory. Column 0 is the supervisor's, the others the children's.

    `file` is a descriptor from `new_memory`; the ledger owns it. Times are monotonic seconds, which are
    the same in all processes of a machine.
    """

    def __init__(self, file: int, *, processes: int, column: int) -> None:
        self.file = file
        self._columns = processes + 1
        self._column = column
        self._stride = 1 + 2 * self._columns
        self._memory = mmap.mmap(file, _size(processes))
        self._ints = memoryview(self._memory).cast("q")
        self._floats = memoryview(self._memory).cast("d")
        self._in_use: weakref.WeakSet[SharedPermits] = weakref.WeakSet()

    def permits(self, slot: int, application: Application) -> "SharedPermits":
        """The permits of an application that has this slot."""
        permits = SharedPermits(
            ints=self._ints,
            floats=self._floats,
            file=self.file,
            base=slot * self._stride,
            columns=self._columns,
            column=self._column,
        )
        permits.limit(
            concurrency=application.concurrency, rate=application.rate, burst=application.burst, now=0.0
        )
        self._in_use.add(permits)
        return permits

    def held(self) -> frozenset[int]:
        """Slots that something in this process can still write to."""
        return frozenset(permits.base // self._stride for permits in self._in_use)

    def in_flight(self, slot: int) -> int:
        """Calls in flight, of all processes."""
        first = slot * self._stride + 1
        return sum(self._ints[first : first + self._columns])

    def count_served(self, slot: int) -> None:
        """The process got an answer from the application."""
        self._ints[slot * self._stride + 1 + self._columns + self._column] += 1

    def served(self, slot: int) -> int:
        """Answers that all processes got from it since the slot is its."""
        first = slot * self._stride + 1 + self._columns
        return sum(self._ints[first : first + self._columns])

    def reset(self, slot: int) -> None:
        """The slot gets a new owner; no process holds it."""
        base = slot * self._stride
        self._floats[base] = -math.inf
        for place in range(base + 1, base + self._stride):
            self._ints[place] = 0

    def clear(self, column: int, slots: range) -> None:
        """A process has ended: what it had in flight is not in flight any more."""
        for slot in slots:
            self._ints[slot * self._stride + 1 + column] = 0

    def press(self, now: float) -> None:
        """An online request found no permit."""
        self._floats[0] = now  # slot 0 belongs to no application

    def pressed_s(self) -> float:
        """When an online request of any process last found no permit."""
        return self._floats[0]

    def close(self) -> None:
        """Let go of the memory's descriptor; the mapping goes with the process."""
        os.close(self.file)


def new_memory(processes: int) -> int:
    """A descriptor of memory that only those see who are handed it; all zero, and paid for when touched."""
    file = os.memfd_create("penstock-permits")
    os.ftruncate(file, _size(processes))
    return file


def _size(processes: int) -> int:
    return SLOTS_MAX * WORD_BYTES * (1 + 2 * (processes + 1))


class SharedPermits:
    """`qos.permits.Permitting` in a slot of the ledger."""

    __slots__ = (
        *("__weakref__", "_end", "_file", "_first", "_floats", "_interval_s", "_ints", "_mine"),
        *("_tolerance_s", "base", "concurrency"),
    )

    def __init__(
        self,
        *,
        ints: "memoryview[int]",
        floats: "memoryview[float]",
        file: int,
        base: int,
        columns: int,
        column: int,
    ) -> None:
        self._ints = ints
        self._floats = floats
        self._file = file
        self.base = base
        self._first = base + 1
        self._end = base + 1 + columns
        self._mine = base + 1 + column

    @property
    def in_flight(self) -> int:
        return sum(self._ints[self._first : self._end])

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        """What the rate remembers stays in seconds, whatever `now` is.

        Each process is told the new rate, and one cannot count for all of them: a rate that is lowered lets
        what was saved through, once.
        """
        del now
        self.concurrency = concurrency
        self._interval_s, self._tolerance_s = gcra(rate, burst)

    def shortage(self, now: float) -> Shortage | None:
        concurrency = self.concurrency
        if concurrency is not None and sum(self._ints[self._first : self._end]) >= concurrency:
            return Shortage.CONCURRENCY
        if self._interval_s and now < self._floats[self.base] - self._tolerance_s:
            return Shortage.RATE
        return None

    def take(self, now: float) -> Shortage | None:
        if self.concurrency is None and not self._interval_s:
            self._ints[self._mine] += 1
            return None
        file, base = self._file, self.base
        _lock(file, fcntl.LOCK_EX, 1, base)
        try:
            short = self.shortage(now)
            if short is None:
                if self._interval_s:  # first: killed between the two, a process has only used up some rate
                    self._floats[base] = max(self._floats[base], now) + self._interval_s
                self._ints[self._mine] += 1
            return short
        finally:
            _lock(file, fcntl.LOCK_UN, 1, base)

    def give_back(self) -> None:
        assert self._ints[self._mine] > 0, "a permit was given back twice"
        self._ints[self._mine] -= 1
