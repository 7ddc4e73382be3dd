"""A heap whose entries may die where they lie: the dead are passed over at the top, and swept out in time."""

import heapq
from collections.abc import Container
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=tuple[Any, ...] | float)

SPARE = 64  # dead entries that are not worth a sweep


class LazyHeap(Generic[Key]):
    """Numbers by key, least first. Which numbers live is the caller's knowledge."""

    def __init__(self) -> None:
        self._heap: list[tuple[Key, int]] = []

    def push(self, key: Key, number: int) -> None:
        """Let a number in."""
        heapq.heappush(self._heap, (key, number))

    def top(self, living: Container[int]) -> tuple[Key, int] | None:
        """The least living entry, left where it is."""
        while self._heap and self._heap[0][1] not in living:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def pop(self, living: Container[int]) -> tuple[Key, int] | None:
        """The least living entry, taken out."""
        return None if self.top(living) is None else heapq.heappop(self._heap)

    def sweep(self, living: Container[int], count: int) -> None:
        """Throw the dead out when they outnumber the `count` living: memory follows what waits."""
        if len(self._heap) > 2 * count + SPARE:
            self._heap = [entry for entry in self._heap if entry[1] in living]
            heapq.heapify(self._heap)
