"""Which piece of a front's memory holds what: blocks of powers of two, split and joined (buddies). Pure.

Only the front that owns the memory allocates, so nothing of this is shared: a killed front takes its books
and its memory with it.
"""

from workers.errors import Overloaded, TooBig

BLOCK_BYTES_MIN = 1024


class Heap:
    """`bytes_max` bytes, a power of two. Offsets are from the heap's start."""

    def __init__(self, bytes_max: int) -> None:
        assert bytes_max >= BLOCK_BYTES_MIN, "a heap holds a block"
        assert not bytes_max & (bytes_max - 1), "a heap is a power of two"
        self.bytes_max = bytes_max
        self.used = 0
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
        while not self._free[found]:
            found += 1
            if found > self._top:
                raise Overloaded("this server's memory for requests is full")
        offset, _ = self._free[found].popitem()
        while found > order:
            found -= 1
            self._free[found][offset + (BLOCK_BYTES_MIN << found)] = None
        self._orders[offset] = order
        self.used += BLOCK_BYTES_MIN << order
        return offset

    def give(self, offset: int) -> None:
        """Give a block back."""
        order = self._orders.pop(offset)
        self.used -= BLOCK_BYTES_MIN << order
        while order < self._top:
            buddy = offset ^ (BLOCK_BYTES_MIN << order)
            if buddy not in self._free[order]:
                break
            del self._free[order][buddy]
            offset = min(offset, buddy)
            order += 1
        self._free[order][offset] = None

    def room(self, offset: int) -> int:
        """The size of a taken block."""
        return BLOCK_BYTES_MIN << self._orders[offset]
