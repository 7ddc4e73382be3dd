"""The quick way of an item that runs alone, beside the way of all: whatever the history, they agree."""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.unit.workers.batching.test_histories import EagerMachine, Machine
from workers.batching.batcher import Batcher
from workers.batching.item import Batch, Item
from workers.batching.lane import Lane
from workers.batching.limits import BatchLimits


class Plain(Batcher):
    """The twin without the quick way."""

    def _alone(self, key: Hashable, lane: Lane, now: float) -> Batch:
        return self._together(key, lane, now)


class Twins:
    """Both, told and asked the same."""

    def __init__(self, limits: BatchLimits) -> None:
        self._one, self._other = Batcher(limits), Plain(limits)

    def __len__(self) -> int:
        return int(self._same("__len__"))

    @property
    def _expired(self) -> list[int]:
        assert self._one._expired == self._other._expired
        return self._one._expired

    def add(self, item: Item, now: float) -> Any:
        return self._same("add", item, now)

    def drop(self, handle: int) -> None:
        self._same("drop", handle)

    def take(self, now: float) -> Batch | None:
        assert self._one.peek(now) == self._other.peek(now)
        found: Batch | None = self._same("take", now)
        return found

    def due(self, now: float) -> float | None:
        found: float | None = self._same("due", now)
        return found

    def expired(self, now: float) -> list[int]:
        return list(self._same("expired", now))

    def predicted_s(self, batch: Batch) -> float:
        return float(self._same("predicted_s", batch))

    def ended(self, batch: Batch, took_s: float, *, out_of_memory: bool = False) -> Sequence[int]:
        one = self._one.ended(batch, took_s, out_of_memory=out_of_memory)
        assert one == self._other.ended(batch, took_s, out_of_memory=out_of_memory)
        return one

    def _same(self, name: str, *given: Any) -> Any:
        one, other = getattr(self._one, name)(*given), getattr(self._other, name)(*given)
        assert one == other, name
        return one


class TwinMachine(Machine):
    """Histories in which much waits alone: a batch is taken as soon as it may be."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher = Twins(self.limits)  # type: ignore[assignment]

    @rule()
    def take_all(self) -> None:
        """Until one is alone, and then that."""
        for _ in range(64):
            running = len(self.running)
            self.take()
            if len(self.running) == running:
                break


class EagerTwinMachine(EagerMachine):
    """One row at a time, some dear and pressing: who is foremost may be late while others are not."""

    limits = msgspec.structs.replace(EagerMachine.limits, max_batch_size=1, preferred_batch_sizes=[])

    def __init__(self) -> None:
        super().__init__()
        self.batcher = Twins(self.limits)  # type: ignore[assignment]
        self.learn()

    def learn(self) -> None:
        """How long a batch takes is known from the start."""
        for cost in (1, 100):
            self.add(cost=cost, shape="a", rank=0, slack_s=math.inf, count=1)
            self.take()
            self.end(late=1.0, out_of_memory=False)

    @rule(cost=st.integers(1, 100), rank=st.integers(0, 1), slack_s=st.floats(0, 0.2))
    def add_one(self, cost: int, rank: int, slack_s: float) -> None:
        self.add(cost=cost, shape="a", rank=rank, slack_s=slack_s, count=1)

    @rule(slack_s=st.floats(0.11, 0.15), passed_s=st.floats(0, 0.1))
    def a_dear_critical_one_and_a_cheap_pressing_one(self, slack_s: float, passed_s: float) -> None:
        """Nobody looks for a while: then the foremost is late, and the one with the first deadline is not."""
        self.add(cost=1, shape="a", rank=1, slack_s=slack_s, count=1)
        self.add(cost=100, shape="a", rank=0, slack_s=slack_s + 0.01, count=1)
        self.now += passed_s
        self.take()


TestTwinsAgree = TwinMachine.TestCase
TestEagerTwinsAgree = EagerTwinMachine.TestCase
TestTwinsAgree.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestEagerTwinsAgree.settings = TestTwinsAgree.settings
