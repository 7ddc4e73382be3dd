"""The ledger: permits that several processes of one proxy share, counted in memory that all of them map.

An application has a slot; in it stand GCRA's theoretical arrival time with the interval that it counts in,
the rate in force, and, for each process, its calls in flight and its calls served. The rate is the
supervisor's to declare, once for all: processes take up a table one after the other, and none may pass by
the older one's. Who takes where a limit holds locks the slot with a record lock, which the kernel drops
when its holder dies. Giving back, and taking where nothing is limited, needs no lock. Beside its counts a
process writes the rank of the first who waits there for a permit, so that a more critical one goes first
wherever it waits; that word holds for `AWAITS_S`, for a process that stands still must keep nobody.

Each process writes its own column alone. What a process had in flight when it died is moved to the column
of the departed, and comes back from there after a while (`bury`, `restore`): its connections were closed
with it, but a model server may still be at work on what came over them. Before the slots stands the
fall-through budget (`purse.py`). Never decides which application has which slot (`slots.py`), and never
waits for a permit.

Budget: 3.5 µs a limited call, of which 2 are the two system calls of the lock; 0.6 µs an unlimited one.
"""

import fcntl
import math
import mmap
import os
import weakref
from collections import Counter

from proxy.family.purse import PURSE_WORDS, Purse
from proxy.qos.permits import NOBODY, Shortage, gcra
from proxy.routing.table import Application

SLOTS_MAX = 262_144
"""Applications at once: 26 times what a table may have, for those of earlier tables that still end."""

WORD_BYTES = 8

PRESSED = 0
"""The first word: when an online request last found no permit. The purse's words come next."""

NEXT, COUNTED, INTERVAL, TOLERANCE, COLUMNS = range(5)
"""A slot's words: GCRA's next time, the interval it was counted in; the interval and tolerance in force;
then the calls in flight of each process, and of the departed; then the calls served of each process;
then who waits there."""

AWAITS_S = 0.02
"""How long it is believed that somebody waits in another process; it says so again each millisecond."""

RANK_BITS = 16
"""Of a word that tells who waits: its rank in the low bits, above them the microseconds when it was said."""

_lock = fcntl.lockf


class Ledger:
    """One process's view of the shared memory. Column 0 is the supervisor's, the others the children's.

    The last column is that of the departed; the supervisor writes it.

    `file` is a descriptor from `new_memory`; the ledger owns it. Times are monotonic seconds, which are
    the same in all processes of a machine.
    """

    def __init__(self, file: int, *, processes: int, column: int) -> None:
        self.file = file
        self._columns = processes + 2
        self._column = column
        self._departed = processes + 1
        self._first = 1 + PURSE_WORDS + self._columns
        self._stride = COLUMNS + 3 * self._columns
        self._memory = mmap.mmap(file, _size(processes))
        self._ints = memoryview(self._memory).cast("q")
        self._floats = memoryview(self._memory).cast("d")
        self._in_use: weakref.WeakSet[SharedPermits] = weakref.WeakSet()
        self._buried: Counter[int] = Counter()  # by slot; the supervisor's alone

    def permits(self, slot: int, application: Application) -> "SharedPermits":
        """The permits of an application that has this slot."""
        permits = SharedPermits(
            ints=self._ints,
            floats=self._floats,
            file=self.file,
            base=self._base(slot),
            columns=self._columns,
            column=self._column,
        )
        permits.concurrency = application.concurrency
        permits.declare(application.rate, application.burst, None)
        self._in_use.add(permits)
        return permits

    def purse(self) -> Purse:
        """The fall-through budget of all processes."""
        return Purse(
            ints=self._ints,
            floats=self._floats,
            file=self.file,
            base=1,
            columns=self._columns,
            column=self._column,
        )

    def held(self) -> frozenset[int]:
        """Slots that something in this process can still write to; the supervisor's, the departed's too."""
        used = {(permits.base - self._first) // self._stride for permits in self._in_use}
        return frozenset(used.union(slot for slot, count in self._buried.items() if count))

    def in_flight(self, slot: int) -> int:
        """Calls in flight, of all processes."""
        first = self._base(slot) + COLUMNS
        return sum(self._ints[first : first + self._columns])

    def departed(self, slot: int) -> int:
        """Of these, what processes had in flight that have ended."""
        return self._ints[self._base(slot) + COLUMNS + self._departed]

    def count_served(self, slot: int) -> None:
        """The process got an answer from the application."""
        self._ints[self._base(slot) + COLUMNS + self._columns + self._column] += 1

    def served(self, slot: int) -> int:
        """Answers that all processes got from it since the slot is its."""
        first = self._base(slot) + COLUMNS + self._columns
        return sum(self._ints[first : first + self._columns])

    def reset(self, slot: int) -> None:
        """The slot gets a new owner; no process holds it."""
        base = self._base(slot)
        self._floats[base + NEXT] = -math.inf
        for place in range(base + NEXT + 1, base + self._stride):
            self._ints[place] = 0

    def bury(self, column: int, slots: range) -> Counter[int]:
        """A process has ended: what it had in flight is the departed's now, by slot. Nobody sees less."""
        moved: Counter[int] = Counter()
        for slot in slots:
            first = self._base(slot) + COLUMNS
            self._ints[first + 2 * self._columns + column] = 0  # nobody waits there
            count = self._ints[first + column]
            if count:
                self._ints[first + self._departed] += count
                self._ints[first + column] = 0
                moved[slot] = count
        self._buried += moved
        return moved

    def restore(self, moved: Counter[int]) -> None:
        """The permits that were buried are free again."""
        for slot, count in moved.items():
            self._ints[self._base(slot) + COLUMNS + self._departed] -= count
        self._buried -= moved

    def _base(self, slot: int) -> int:
        return self._first + slot * self._stride

    def press(self, now: float) -> None:
        """An online request found no permit."""
        self._floats[PRESSED] = now

    def pressed_s(self) -> float:
        """When an online request of any process last found no permit."""
        return self._floats[PRESSED]

    def close(self) -> None:
        """Let go of the memory's descriptor; the mapping goes with the process."""
        os.close(self.file)


def new_memory(processes: int) -> int:
    """A descriptor of memory that only those see who are handed it; all zero, and paid for when touched."""
    file = os.memfd_create("penstock-permits")
    os.ftruncate(file, _size(processes))
    return file


def _size(processes: int) -> int:
    columns = processes + 2
    return WORD_BYTES * (1 + PURSE_WORDS + columns + SLOTS_MAX * (COLUMNS + 3 * columns))


class SharedPermits:
    """`qos.permits.Permitting` in a slot of the ledger."""

    __slots__ = (
        *(
            "__weakref__",
            "_awaits",
            "_declares",
            "_end",
            "_file",
            "_first",
            "_floats",
            "_ints",
            "_mine",
            "base",
        ),
        "concurrency",
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
        self._first = base + COLUMNS
        self._end = self._first + columns
        self._mine = self._first + column
        self._awaits = 2 * columns  # from a column's calls in flight to its word of who waits
        self._declares = column == 0

    @property
    def in_flight(self) -> int:
        return sum(self._ints[self._first : self._end])

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        """The concurrency holds for this process alone; the rate for all, by the supervisor's word."""
        self.concurrency = concurrency
        self.declare(rate, burst, now)

    def declare(self, rate: float | None, burst: int | None, now: float | None) -> None:
        """Put the rate in force. What it remembers is put into the new interval now, or at the next take."""
        if not self._declares:
            return
        floats, base = self._floats, self.base
        _lock(self._file, fcntl.LOCK_EX, 1, base)
        try:
            interval_s, tolerance_s = gcra(rate, burst)
            if interval_s and now is not None:
                next_s = self._next_s(interval_s, now)
                floats[base + NEXT], floats[base + COUNTED] = next_s, interval_s
            floats[base + INTERVAL], floats[base + TOLERANCE] = interval_s, tolerance_s
        finally:
            _lock(self._file, fcntl.LOCK_UN, 1, base)

    def shortage(self, now: float) -> Shortage | None:
        concurrency = self.concurrency
        if concurrency is not None and sum(self._ints[self._first : self._end]) >= concurrency:
            return Shortage.CONCURRENCY
        interval_s = self._floats[self.base + INTERVAL]
        if interval_s and now < self._next_s(interval_s, now) - self._floats[self.base + TOLERANCE]:
            return Shortage.RATE
        return None

    def take(self, now: float) -> Shortage | None:
        if self.concurrency is None and not self._floats[self.base + INTERVAL]:
            self._ints[self._mine] += 1
            return None
        file, base = self._file, self.base
        _lock(file, fcntl.LOCK_EX, 1, base)
        try:
            short = self.shortage(now)
            if short is None:
                floats = self._floats
                interval_s = floats[base + INTERVAL]
                if interval_s:  # first: killed between the two, a process has only used up some rate
                    next_s = max(self._next_s(interval_s, now), now) + interval_s
                    floats[base + COUNTED] = interval_s
                    floats[base + NEXT] = next_s
                self._ints[self._mine] += 1
            return short
        finally:
            _lock(file, fcntl.LOCK_UN, 1, base)

    def give_back(self) -> None:
        assert self._ints[self._mine] > 0, "a permit was given back twice"
        self._ints[self._mine] -= 1

    def await_as(self, rank: int, now: float) -> None:
        told = 0 if rank >= NOBODY else int(now * 1e6) << RANK_BITS | rank
        self._ints[self._mine + self._awaits] = told

    def awaited(self, now: float) -> int:
        first, end = self._first + self._awaits, self._end + self._awaits
        if not sum(self._ints[first:end]):  # most of the time
            return NOBODY
        oldest = int((now - AWAITS_S) * 1e6) << RANK_BITS
        found, mine = NOBODY, self._mine + self._awaits
        for place in range(first, end):
            told = self._ints[place]
            if told > oldest and place != mine:
                found = min(found, told & NOBODY - 1)
        return found

    def _next_s(self, interval_s: float, now: float) -> float:
        """GCRA's next time: what was passed by another rate counts in calls, not in seconds."""
        next_s, counted_s = self._floats[self.base + NEXT], self._floats[self.base + COUNTED]
        if counted_s == interval_s or not counted_s or next_s <= now:
            return next_s
        return now + (next_s - now) * interval_s / counted_s
