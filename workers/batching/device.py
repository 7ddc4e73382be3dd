"""Several models on one device: whose batch runs next. Decides; runs nothing."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from workers.batching.batcher import Batcher
from workers.batching.item import Batch, Head

Name = TypeVar("Name")


class Turn(msgspec.Struct, Generic[Name], frozen=True, kw_only=True):
    """The device is this model's, for this batch."""

    name: Name
    batch: Batch


class DeviceScheduler(Generic[Name]):
    """The most critical head first; among equals those that cannot wait, by deadline; else the least used.

    Use is device time over weight, in the manner of start-time fair queueing (Goyal, Vin and Cheng,
    SIGCOMM 1996): a model that comes back from idleness starts level with the least used of those that
    work, so that nobody saves up a monopoly.
    """

    def __init__(self, batchers: Mapping[Name, Batcher], weights: Mapping[Name, float] | None = None) -> None:
        self.batchers = dict(batchers)
        self._weights = dict(weights or {})
        assert all(weight > 0 for weight in self._weights.values()), "a weight is above 0"
        self._used_s: dict[Name, float] = dict.fromkeys(self.batchers, 0.0)
        self._idle: set[Name] = set(self.batchers)
        self._level_s = 0.0  # the least used of those that worked last

    def add(self, name: Name, batcher: Batcher) -> None:
        """A model joins, or is replaced by its next version."""
        self.batchers[name] = batcher
        self._used_s.setdefault(name, self._level_s)
        self._idle.add(name)

    def remove(self, name: Name) -> Batcher | None:
        """A model leaves; what waits in its batcher is the caller's to settle."""
        self._used_s.pop(name, None)
        self._idle.discard(name)
        return self.batchers.pop(name, None)

    def take(self, now: float) -> Turn[Name] | None:
        """The next turn, or None if nothing should run yet."""
        waiting = self._waiting()
        if len(waiting) == 1:  # there is nothing to choose
            (name,) = waiting
            batch = self.batchers[name].take(now)
            return None if batch is None else Turn(name=name, batch=batch)
        heads = dict(self._heads(waiting, now))
        while heads:
            name = self._choose(heads, now)
            batch = self.batchers[name].take(now)
            if batch is not None:
                return Turn(name=name, batch=batch)
            del heads[name]
        return None

    def due(self, now: float) -> float | None:
        """When to look again, not before `now`; None if nothing waits anywhere."""
        times = (batcher.due(now) for batcher in self.batchers.values())
        return min((time for time in times if time is not None), default=None)

    def expired(self, now: float) -> list[tuple[Name, int]]:
        """Items of any model that cannot end in time any more; each told once."""
        return [(name, handle) for name, each in self.batchers.items() for handle in each.expired(now)]

    def ended(self, turn: Turn[Name], took_s: float, *, out_of_memory: bool = False) -> Sequence[int]:
        """Book the device time and learn from the batch; the handles to add again."""
        if turn.name not in self.batchers:
            return ()
        self._used_s[turn.name] += max(0.0, took_s) / self._weights.get(turn.name, 1.0)
        return self.batchers[turn.name].ended(turn.batch, took_s, out_of_memory=out_of_memory)

    def _waiting(self) -> list[Name]:
        """Models that something waits for; one that was idle starts level with those that work."""
        waiting = [name for name, batcher in self.batchers.items() if len(batcher)]
        working = [self._used_s[name] for name in waiting if name not in self._idle]
        self._level_s = min(working, default=self._level_s)
        for name in waiting:
            if name in self._idle:
                self._used_s[name] = max(self._used_s[name], self._level_s)
        self._idle = set(self.batchers).difference(waiting)
        return waiting

    def _heads(self, waiting: Sequence[Name], now: float) -> Iterator[tuple[Name, Head]]:
        for name in waiting:
            head = self.batchers[name].peek(now)
            if head is not None:
                yield name, head

    def _choose(self, heads: Mapping[Name, Head], now: float) -> Name:
        rank = min(head.rank for head in heads.values())
        peers = {name: head for name, head in heads.items() if head.rank == rank}
        longest_s = max(head.took_s for head in peers.values())

        def key(name: Name) -> tuple[bool, float, float]:
            head = peers[name]
            pressed = head.deadline_s - head.took_s < now + longest_s
            return not pressed, head.deadline_s if pressed else -math.inf, self._used_s[name]

        return min(peers, key=key)
