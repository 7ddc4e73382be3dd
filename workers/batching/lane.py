"""The waiting items of one shape and cost bucket, in order, and what is known of their latency and memory."""

import math

from workers.batching.cap import Cap
from workers.batching.heap import LazyHeap
from workers.batching.item import Item
from workers.batching.latency import LatencyModel
from workers.batching.limits import BatchLimits

Order = tuple[int, float, float, int]
"""Rank, deadline, arrival, and the number of its coming: the least runs first."""

DOUBT_S = 1.0  # a prediction this old refuses nobody: one item goes and shows what is true now
BOUNDS_MAX = 1024  # predictions kept
SLACK_S = 0.001  # a batch starts this much before its last chance, for no clock wakes anybody exactly


class Lane:
    """Items by the number of their coming. Every question costs the logarithm of what waits at most."""

    def __init__(self, limits: BatchLimits) -> None:
        self.latency = LatencyModel()
        self.cap = Cap(limits.max_batch_size)
        self.rows = 0  # waiting
        self.taken_s = -math.inf  # when a batch last went
        self._limits = limits
        self._bounds: dict[tuple[int, int], float] = {}  # predictions since the last batch ended
        self._items: dict[int, Item] = {}
        self._order: LazyHeap[Order] = LazyHeap()
        self._deadlines: LazyHeap[float] = LazyHeap()
        self._arrivals: LazyHeap[float] = LazyHeap()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item, number: int) -> None:
        """Let it wait."""
        self._items[number] = item
        self.rows += item.count
        self._order.push((item.rank, item.deadline_s, item.arrived_s, number), number)
        self._deadlines.push(item.deadline_s, number)
        self._arrivals.push(item.arrived_s, number)

    def drop(self, number: int) -> Item:
        """Forget one that waits."""
        item = self._items.pop(number)
        self.rows -= item.count
        for heap in (self._order, self._deadlines, self._arrivals):
            heap.sweep(self._items, len(self._items))
        return item

    def first(self) -> tuple[Order, Item] | None:
        """The item whose turn it is."""
        top = self._order.top(self._items)
        return None if top is None else (top[0], self._items[top[1]])

    def pop(self) -> tuple[Order, Item] | None:
        """Take the first item out of the order; it still waits, until `drop`."""
        top = self._order.pop(self._items)
        return None if top is None else (top[0], self._items[top[1]])

    def put_back(self, order: Order) -> None:
        """Undo `pop`."""
        self._order.push(order, order[3])

    def most_pressing(self) -> tuple[int, Item] | None:
        """The waiting item whose deadline is first, and its number."""
        top = self._deadlines.top(self._items)
        return None if top is None else (top[1], self._items[top[1]])

    def cost(self, rows: int, dearest: int) -> int:
        """The padded cost of a batch, of which the dearest row costs so much."""
        return self._limits.padded_rows(rows) * self._limits.padded_cost(dearest)

    def bound_s(self, rows: int, dearest: int) -> float:
        """The prediction for such a batch."""
        known = self._bounds.get((rows, dearest))
        if known is None:
            if len(self._bounds) >= BOUNDS_MAX:
                self._bounds.clear()
            known = self._bounds[rows, dearest] = self.latency.bound_s(self.cost(rows, dearest))
        return known

    def saw(self, cost: int, took_s: float) -> None:
        """A batch of it ended."""
        self.latency.saw(cost, took_s)
        self._bounds.clear()

    def late(self, item: Item, now: float) -> bool:
        """Whether it is predicted to end late although it starts now and alone."""
        if item.deadline_s == math.inf:
            return False
        return now >= item.deadline_s or now + self.bound_s(item.count, item.cost) > item.deadline_s

    def hopeless(self, item: Item, now: float) -> bool:
        """Whether it need not be tried: it is late, and what says so is no old story."""
        if item.deadline_s == math.inf:
            return False
        doubted = now - self.taken_s >= DOUBT_S
        return now >= item.deadline_s or (not doubted and self.late(item, now))

    def ready_s(self, now: float) -> float:
        """From when on a batch should go: `now` if more company would not help."""
        first, pressing = self.first(), self.most_pressing()
        oldest = self._arrivals.top(self._items)
        if first is None or pressing is None or oldest is None:
            return math.inf
        if self._full(first[1]):
            return now
        rows = min(self.rows, self.cap.rows)
        chance_s = pressing[1].deadline_s - self.bound_s(rows, max(first[1].cost, pressing[1].cost)) - SLACK_S
        return min(oldest[0] + self._limits.delay_s, chance_s)

    def _full(self, first: Item) -> bool:
        limits = self._limits
        wanted = min(limits.max_batch_size, *limits.preferred_batch_sizes[:1], self.cap.rows)
        one_more = self.cost(self.rows + 1, first.cost)
        return not limits.delay_s or self.rows >= wanted or 0 < limits.max_batch_cost < one_more
