"""All the memory that one front shares with the others: its slots, a pair of rings for each seat, its heap.

An anonymous file (memfd) that lives as long as somebody has it open, and leaves nothing behind whoever is
killed. A front that is started again gets a new one; nobody has to clean the old.
"""

import mmap
import os

import msgspec

from workers.tree.ring import Ring, ring_bytes
from workers.tree.slot import SLOT_BYTES, SLOTS_MAX

LINE_BYTES = 64


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a front's memory is laid out; the same for all processes of a tree."""

    slots: int = 2048  # requests at once in one front; one more is refused
    heap_bytes: int = 1024**3  # for their bytes; only what was used once takes up memory
    seats: int = 8  # processes that a front sends to

    def __post_init__(self) -> None:
        assert 0 < self.slots <= SLOTS_MAX, "a slot's number fits into a message"

    @property
    def ring_words(self) -> int:
        """A slot's old cancellation, its next job and the cancellation of that: more is never on its way."""
        return ring_bytes(3 * self.slots) // 8

    @property
    def rings_at(self) -> int:
        """Behind the slots."""
        return _up(self.slots * SLOT_BYTES, LINE_BYTES)

    @property
    def heap_at(self) -> int:
        """Behind the rings."""
        return _up(self.rings_at + 2 * self.seats * self.ring_words * 8, mmap.PAGESIZE)

    @property
    def bytes_max(self) -> int:
        """Of all."""
        return self.heap_at + self.heap_bytes


def make_estate(plan: Plan) -> int:
    """A new one, empty; its descriptor."""
    file = os.memfd_create("penstock-front", os.MFD_CLOEXEC)
    os.ftruncate(file, plan.bytes_max)
    return file


class Estate:
    """A mapping of one."""

    def __init__(self, file: int, plan: Plan) -> None:
        self._plan = plan
        self.memory = memoryview(mmap.mmap(file, plan.bytes_max))
        self.heap = self.memory[plan.heap_at :]

    def rings(self, seat: int) -> tuple[Ring, Ring]:
        """Of one seat: to it, and back."""
        assert 0 <= seat < self._plan.seats, "a seat of the plan"
        size = self._plan.ring_words * 8
        at = self._plan.rings_at + 2 * seat * size
        return (
            Ring(self.memory[at : at + size].cast("Q")),
            Ring(self.memory[at + size : at + 2 * size].cast("Q")),
        )


def _up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
