"""The batcher under random histories: what holds whatever comes, leaves, ends or runs out of memory."""

import math

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workers.batching.batcher import Batcher
from workers.batching.item import Batch, Item
from workers.batching.limits import BatchLimits

A_S, B_S = 0.001, 0.004  # how long a batch takes in these tests, per cost and as such


class Machine(RuleBasedStateMachine):
    """Random comings, leavings and batches against a batcher and a plain account of them."""

    limits = BatchLimits(
        max_batch_size=8,
        preferred_batch_sizes=[4, 8],
        max_batch_cost=64,
        cost_buckets=[4, 16],
        max_queue_delay_microseconds=2000,
        queued_max=64,
    )

    def __init__(self) -> None:
        super().__init__()
        self.batcher = Batcher(self.limits)
        self.now = 100.0
        self.waiting: dict[int, Item] = {}
        self.running: list[tuple[Batch, list[Item]]] = []
        self.handle = 0

    @rule(
        cost=st.integers(1, 20),
        shape=st.sampled_from(["a", "b"]),
        rank=st.integers(0, 2),
        slack_s=st.one_of(st.just(math.inf), st.floats(0, 0.2)),
        count=st.integers(1, 9),
    )
    def add(self, cost: int, shape: str, rank: int, slack_s: float, count: int) -> None:
        self.handle += 1
        item = Item(
            handle=self.handle,
            cost=cost,
            shape=shape,
            rank=rank,
            deadline_s=self.now + slack_s,
            arrived_s=self.now,
            count=count,
        )
        if self.batcher.add(item, self.now) is None:
            self.waiting[item.handle] = item

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        if self.waiting:
            handle = data.draw(st.sampled_from(sorted(self.waiting)))
            self.batcher.drop(handle)
            del self.waiting[handle]

    @rule()
    def drop_what_is_not_there(self) -> None:
        self.batcher.drop(10_000)

    @rule(seconds=st.floats(0, 0.05))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.tell()

    @rule()
    def tell(self) -> None:
        for handle in self.batcher.expired(self.now):
            item = self.waiting.pop(handle)  # once, and only what waits
            assert item.deadline_s < math.inf

    @rule()
    def take(self) -> None:
        before = dict(self.waiting)
        batch = self.batcher.take(self.now)
        self.tell()
        if batch is None:
            return
        items = [self.waiting.pop(handle) for handle in batch.handles]
        self.running.append((batch, items))
        self.check_bounds(batch, items)
        self.check_order(items, before)

    def check_bounds(self, batch: Batch, items: list[Item]) -> None:
        limits = self.limits
        rows = sum(item.count for item in items)
        dearest = max(limits.padded_cost(item.cost) for item in items)
        assert batch.rows == rows <= limits.max_batch_size
        assert batch.cost == rows * dearest <= limits.max_batch_cost
        assert {item.shape for item in items} == {batch.shape}
        assert len({limits.padded_cost(item.cost) for item in items}) == 1
        assert all(self.now < item.deadline_s for item in items)
        late = self.now + self.batcher.predicted_s(batch) > min(item.deadline_s for item in items)
        assert not late or len(items) == 1  # one may go although an old prediction says it is late

    def check_order(self, items: list[Item], before: dict[int, Item]) -> None:
        first = min((item.rank, item.deadline_s, item.arrived_s) for item in items)
        left = [item for item in self.waiting.values() if item.handle in before]
        lanes = {(item.shape, self.limits.padded_cost(item.cost)) for item in items}
        peers = [
            (item.rank, item.deadline_s, item.arrived_s)
            for item in left
            if (item.shape, self.limits.padded_cost(item.cost)) in lanes
        ]
        assert not peers or first <= min(peers)

    @precondition(lambda self: self.running)
    @rule(late=st.floats(0.8, 1.2), out_of_memory=st.booleans())
    def end(self, late: float, out_of_memory: bool) -> None:
        batch, items = self.running.pop(0)
        again = self.batcher.ended(batch, (A_S * batch.cost + B_S) * late, out_of_memory=out_of_memory)
        assert set(again) <= set(batch.handles)
        assert (len(again) > 0) == (out_of_memory and len(items) > 1)
        for item in items:
            if item.handle in again and self.batcher.add(item, self.now) is None:
                self.waiting[item.handle] = item

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.batcher) + len(self.batcher._expired) == len(self.waiting)

    @invariant()
    def something_is_due_while_anything_waits(self) -> None:
        due_s = self.batcher.due(self.now)
        assert (due_s is None) == (not self.waiting)
        assert due_s is None or due_s >= self.now

    def teardown(self) -> None:
        """All of it comes out by looking when it is due, and nothing waits longer than the delay."""
        self.tell()
        for _ in range(1000):
            due_s = self.batcher.due(self.now)
            if due_s is None:
                break
            assert due_s <= self.now + self.limits.delay_s + 1e-9
            self.now = due_s
            before = len(self.waiting)
            self.take()
            self.tell()
            assert len(self.waiting) < before
        assert not self.waiting


class EagerMachine(Machine):
    """The same with a delay of 0: never idle beside work."""

    limits = msgspec.structs.replace(
        Machine.limits, max_queue_delay_microseconds=0, cost_buckets=[], max_batch_cost=0
    )

    def check_bounds(self, batch: Batch, items: list[Item]) -> None:
        dearest = max(item.cost for item in items)
        assert batch.cost == sum(item.count for item in items) * dearest
        assert batch.rows <= self.limits.max_batch_size

    def check_order(self, items: list[Item], before: dict[int, Item]) -> None:
        first = min((item.rank, item.deadline_s, item.arrived_s) for item in items)
        left = [item for item in self.waiting.values() if item.handle in before]
        assert all(first <= (item.rank, item.deadline_s, item.arrived_s) for item in left)

    @rule()
    def take(self) -> None:
        self.tell()
        waited = len(self.waiting)
        ran = len(self.running)
        super().take()
        assert len(self.running) > ran or not self.waiting or not waited


TestAnyHistory = Machine.TestCase
TestAnyEagerHistory = EagerMachine.TestCase
TestAnyHistory.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
TestAnyEagerHistory.settings = TestAnyHistory.settings
