"""Which piece of a front's memory holds what: blocks of powers of two, split and joined (buddies). Pure.

Only the front that owns the memory allocates, so nothing of this is shared: a killed front takes its books
and its memory with it. A few small blocks of each size are kept apart, as they come: the next request takes
them as they are, and only when something large finds no room are they joined.
"""

from typing import Final

from workers.errors import Overloaded, TooBig

BLOCK_BYTES_MIN: Final = 1024
KEPT: Final = 64  # blocks of a size that are not joined when they are given back
KEPT_ORDER_MAX: Final = 8  # up to 256 KiB each


class Heap:
    """`bytes_max` bytes, a power of two; offsets are from its start. `kept` blocks of a size stay apart."""

    def __init__(self, bytes_max: int, kept: int = KEPT) -> None:
        assert bytes_max >= BLOCK_BYTES_MIN, "a heap holds a block"
        assert not bytes_max & (bytes_max - 1), "a heap is a power of two"
        self.bytes_max = bytes_max
        self.used = 0
        self._kept = kept
        self._top = (bytes_max // BLOCK_BYTES_MIN).bit_length() - 1
        # By order. Dictionaries take out any block, and give back the one freed last: its pages are warm.
        self._free: list[dict[int, None]] = [{} for _ in range(self._top + 1)]
        self._free[self._top][0] = None
        self._orders: dict[int, int] = {}

    def take(self, size: int) -> int:
        """A block of at least `size` bytes. Raises TooBig if it can never fit, Overloaded if not now."""
        order = max(0, (size - 1) // BLOCK_BYTES_MIN).bit_length()
        if order > self._top:
            raise TooBig(f"{size} bytes do not fit into this server's memory of {self.bytes_max} a process")
        found = order
        free = self._free
        while not free[found]:
            found += 1
            if found > self._top:
                found = self._join_all(order)
                break
        offset, _ = free[found].popitem()
        while found > order:
            found -= 1
            free[found][offset + (BLOCK_BYTES_MIN << found)] = None
        self._orders[offset] = order
        self.used += BLOCK_BYTES_MIN << order
        return offset

    def give(self, offset: int) -> None:
        """Give a block back."""
        order = self._orders.pop(offset)
        self.used -= BLOCK_BYTES_MIN << order
        if order <= KEPT_ORDER_MAX and len(self._free[order]) < self._kept:
            self._free[order][offset] = None
        else:
            self._join(offset, order)

    def _join(self, offset: int, order: int) -> None:
        """Let a block be free, with its free neighbours in one piece."""
        while order < self._top:
            buddy = offset ^ (BLOCK_BYTES_MIN << order)
            if buddy not in self._free[order]:
                break
            del self._free[order][buddy]
            offset = min(offset, buddy)
            order += 1
        self._free[order][offset] = None

    def _join_all(self, wanted: int) -> int:
        """Join what was kept apart; the least order with a block of at least `wanted`. Raises Overloaded."""
        for order in range(self._top):
            blocks, self._free[order] = self._free[order], {}
            for offset in blocks:
                self._join(offset, order)
        for order in range(wanted, self._top + 1):
            if self._free[order]:
                return order
        raise Overloaded("this server's memory for requests is full")

    def room(self, offset: int) -> int:
        """The size of a taken block."""
        return BLOCK_BYTES_MIN << self._orders[offset]
