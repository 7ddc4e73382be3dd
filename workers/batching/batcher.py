"""Dynamic batching of one model: which waiting items run together, and when.

It decides; it never runs anything, never waits and never looks at a clock. With a delay of 0 it is
work-conserving: as long as anything waits, `take` gives a batch. Of one model only one shape runs at a
time; order is by criticality, then deadline, then arrival. An item predicted to end late is never taken
along, and never makes a batch so large that another of it ends late.
"""

import math
from collections.abc import Hashable, Sequence

from workers.batching.item import Batch, Head, Item, Refusal
from workers.batching.lane import Lane, Order
from workers.batching.limits import BatchLimits

LANES_MAX = 256  # shapes and buckets known at once; the one that ran longest ago is forgotten
PASSED_MAX = 16  # items that do not fit and are passed over for smaller ones behind them, per batch


class Batcher:
    """Items in, batches out. Every item added is taken, dropped or told as expired, once."""

    def __init__(self, limits: BatchLimits) -> None:
        self.limits = limits
        self._lanes: dict[Hashable, Lane] = {}
        self._where: dict[int, tuple[Lane, int]] = {}  # of what waits: its lane and number
        self._number = 0
        self._rows = 0
        self._expired: list[int] = []

    def __len__(self) -> int:
        return len(self._where)

    def add(self, item: Item, now: float) -> Refusal | None:
        """Let an item wait, or say why it may not. One whose batch ran out of memory comes again this way."""
        assert item.handle not in self._where, f"{item.handle} waits already"
        lane = self._lane((item.shape, self.limits.padded_cost(item.cost) if self.limits.cost_buckets else 0))
        refusal = self._refusal(lane, item, now)
        if refusal is not None or lane is None:
            return refusal
        self._number += 1
        self._rows += item.count
        self._where[item.handle] = lane, self._number
        lane.add(item, self._number)
        return None

    def drop(self, handle: int) -> None:
        """Forget an item whose caller left; one that runs already, or ran, is not known here any more."""
        if handle in self._where:
            lane, number = self._where.pop(handle)
            self._rows -= lane.drop(number).count

    def take(self, now: float) -> Batch | None:
        """The batch to run, or None if nothing should run yet. `now` may be the moment the device is free."""
        self._expire(now)
        found = self._choose(now)
        return None if found is None else self._compose(*found, now)

    def peek(self, now: float) -> Head | None:
        """What `take` would begin with, or None if it would give nothing."""
        self._expire(now)
        found = self._choose(now)
        if found is None:
            return None
        lane = found[1]
        first = lane.first()
        assert first is not None, "a lane without items is not chosen"
        rows = max(first[1].count, min(lane.rows, lane.cap.rows))
        took_s = lane.bound_s(rows, first[1].cost)
        return Head(rank=first[1].rank, deadline_s=first[1].deadline_s, took_s=took_s)

    def due(self, now: float) -> float | None:
        """When to look again, not before `now`; None if nothing waits."""
        if self._expired:
            return now
        ready_s = min((lane.ready_s(now) for lane in self._lanes.values() if lane), default=None)
        return None if ready_s is None else max(now, ready_s)

    def expired(self, now: float) -> list[int]:
        """Handles of items that cannot end in time any more; each is told once and forgotten."""
        self._expire(now)
        told, self._expired = self._expired, []
        return told

    def ended(self, batch: Batch, took_s: float, *, out_of_memory: bool = False) -> Sequence[int]:
        """Learn from a batch; the handles to add again, in smaller batches.

        A single item that ran out of memory is not among them: there is nothing to split, and the caller
        fails it.
        """
        lane = self._lanes.get(batch.lane)
        if out_of_memory:
            if lane is not None:
                lane.cap.ran_out(batch.rows)
            return batch.handles if len(batch.handles) > 1 else ()
        if lane is not None:
            lane.saw(batch.cost, took_s)
            lane.cap.fitted(batch.rows)
        return ()

    def predicted_s(self, batch: Batch) -> float:
        """How long a batch hardly exceeds; 0 while nothing is known."""
        lane = self._lanes.get(batch.lane)
        return 0.0 if lane is None else lane.latency.bound_s(batch.cost)

    def _refusal(self, lane: Lane | None, item: Item, now: float) -> Refusal | None:
        limits = self.limits
        if item.count > limits.max_batch_size:
            words = f"{item.count} rows in one request; max_batch_size is {limits.max_batch_size}"
            return Refusal(reason="too-large", words=words)
        cost = item.count * limits.padded_cost(item.cost)
        if 0 < limits.max_batch_cost < cost:
            words = f"the request costs {cost}; max_batch_cost is {limits.max_batch_cost}"
            return Refusal(reason="too-large", words=words)
        if self._rows + item.count > limits.queued_max:
            return Refusal(reason="full", words=f"{self._rows} rows wait; queued_max is {limits.queued_max}")
        if lane is None:
            return Refusal(reason="full", words=f"requests of {LANES_MAX} shapes wait, which is the most")
        if lane.hopeless(item, now):
            return Refusal(reason="hopeless", words="the deadline leaves no time for an inference")
        return None

    def _lane(self, key: Hashable) -> Lane | None:
        if key not in self._lanes:
            if len(self._lanes) >= LANES_MAX:
                idle = [name for name, lane in self._lanes.items() if not lane]
                if not idle:
                    return None
                del self._lanes[min(idle, key=lambda name: self._lanes[name].taken_s)]
            self._lanes[key] = Lane(self.limits)
        return self._lanes[key]

    def _expire(self, now: float) -> None:
        for lane in self._lanes.values():
            while (found := lane.most_pressing()) is not None and lane.hopeless(found[1], now):
                self._tell(found[1])

    def _tell(self, item: Item) -> None:
        self.drop(item.handle)
        self._expired.append(item.handle)

    def _choose(self, now: float) -> tuple[Hashable, Lane] | None:
        """The lane whose first item is foremost, of those with a batch to run now."""
        best: tuple[Order, Hashable, Lane] | None = None
        for key, lane in self._lanes.items():
            first = self._first(lane, now)
            if first is None or (best is not None and first[0] >= best[0]) or lane.ready_s(now) > now:
                continue
            best = first[0], key, lane
        return None if best is None else best[1:]

    def _first(self, lane: Lane, now: float) -> tuple[Order, Item] | None:
        """A lane's foremost that may still end in time: those before it are told, and stand for no lane."""
        while (found := lane.first()) is not None and lane.hopeless(found[1], now):
            self._tell(found[1])
        return found

    def _compose(self, key: Hashable, lane: Lane, now: float) -> Batch:
        """A batch of the lane's first items; the very first may still end in time."""
        if len(lane) == 1 or lane.cap.rows == 1:
            return self._alone(key, lane, now)
        return self._together(key, lane, now)

    def _together(self, key: Hashable, lane: Lane, now: float) -> Batch:
        picked: list[tuple[Order, Item]] = []
        passed: list[Order] = []
        draft = _Draft(lane, self.limits.max_batch_cost, now)
        while not draft.closed and len(passed) < PASSED_MAX and (popped := lane.pop()) is not None:
            order, item = popped
            if lane.hopeless(item, now):
                self._tell(item)
            elif draft.joins(item):
                picked.append(popped)
            else:
                passed.append(order)
        passed += [order for order, _ in self._beyond_preferred(picked)]
        for order in passed:
            lane.put_back(order)
        items = [item for _, item in picked]
        for item in items:
            self.drop(item.handle)
        lane.taken_s = now
        rows = sum(item.count for item in items)
        return Batch(
            handles=tuple(item.handle for item in items),
            shape=items[0].shape,
            rows=rows,
            cost=lane.cost(rows, max(item.cost for item in items)),
            lane=key,
        )

    def _alone(self, key: Hashable, lane: Lane, now: float) -> Batch:
        """What `_together` does where nothing can join the first item, in fewer steps."""
        popped = lane.pop()
        assert popped is not None, "a lane without items is not chosen"
        item = popped[1]
        self.drop(item.handle)
        lane.taken_s = now
        return Batch(
            handles=(item.handle,),
            shape=item.shape,
            rows=item.count,
            cost=lane.cost(item.count, item.cost),
            lane=key,
        )

    def _beyond_preferred(self, picked: list[tuple[Order, Item]]) -> list[tuple[Order, Item]]:
        """What is cut off the end, so that the largest preferred size within reach is met."""
        rows = sum(item.count for _, item in picked)
        wanted = max((size for size in self.limits.preferred_batch_sizes if size <= rows), default=rows)
        cut = []
        while rows - picked[-1][1].count >= wanted if picked else False:
            rows -= picked[-1][1].count
            cut.append(picked.pop())
        return cut


class _Draft:
    """A batch while it is put together: what may still join."""

    def __init__(self, lane: Lane, cost_max: int, now: float) -> None:
        self._lane = lane
        self._cost_max = cost_max
        self._now = now
        self._rows = self._dearest = 0
        self._deadline_s = math.inf
        self.closed = False

    def joins(self, item: Item) -> bool:
        """Take it in if nothing is exceeded and nobody made late; the first always joins."""
        rows, dearest = self._rows + item.count, max(self._dearest, item.cost)
        deadline_s = min(self._deadline_s, item.deadline_s)
        if self._rows and (
            rows > self._lane.cap.rows
            or 0 < self._cost_max < self._lane.cost(rows, dearest)
            or (deadline_s < math.inf and self._now + self._lane.bound_s(rows, dearest) > deadline_s)
        ):
            return False
        self._rows, self._dearest, self._deadline_s = rows, dearest, deadline_s
        self.closed = rows >= self._lane.cap.rows
        return True
