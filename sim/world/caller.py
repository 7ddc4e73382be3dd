"""A caller of the world: sends one stream of requests, open-loop, and takes what comes of each order.

An order is what the caller wants; its requests are the first try and, with naive callers, the retries.
Goodput and latency are the order's, from the moment at which it was meant to be sent.
"""

import random
from collections.abc import Callable
from typing import Protocol

from proxy.messages import Reply, Request, Verdict
from sim.world.loop import WorldLoop
from sim.world.plan import Phase, Spacing, Stream
from sim.world.tally import Tally
from sim.world.trip import Trip

TICKS_PER_S = 1e9
"""Gaps are rounded to this: the logarithms of two machines differ in the last bit."""


class Cancellable(Protocol):
    """A request on its way."""

    def cancel(self) -> None: ...


class Entrance(Protocol):
    """Where requests go in: the world."""

    def take(self, request: Request, done: Callable[[Reply], None]) -> tuple[Trip, Cancellable]:
        """Into the pipeline; `done` may be called before this returns."""
        ...

    def leave(self, trip: Trip, exchange: Cancellable) -> None:
        """Give a request up."""
        ...


class Order:
    """One thing that a caller wants."""

    __slots__ = ("_caller", "_exchange", "_trip", "began_s", "number", "tries")

    def __init__(self, caller: "Caller", number: int, began_s: float) -> None:
        self._caller = caller
        self._trip: Trip | None = None
        self._exchange: Cancellable | None = None
        self.began_s = began_s
        self.number = number
        self.tries = 0

    def send(self) -> None:
        """The next try."""
        caller, stream = self._caller, self._caller.stream
        self.tries += 1
        self._trip = self._exchange = None
        request = Request(
            id=f"{caller.name}-{self.number}-{self.tries}",
            method=b"POST",
            target=b"/v2/models/m/infer",
            model="m",
            body=caller.body,
            arrived_s=caller.loop.now_s,
            deadline_s=stream.deadline_s,
            fallback=stream.fallback,
            caller=caller.name,
        )
        trip, exchange = caller.entrance.take(request, self._answered)
        if trip.verdict is None:
            self._trip, self._exchange = trip, exchange
            if stream.patience_s is not None:
                caller.loop.at(caller.loop.now_s + stream.patience_s, self._lose_patience, trip)

    def _answered(self, reply: Reply) -> None:
        self._trip = self._exchange = None
        if reply.verdict is Verdict.EXHAUSTED and self.tries <= self._caller.stream.retries_max:
            self._caller.loop.call_soon(self.send)
            return
        self._caller.tally.order_ended(
            self._caller.loop.now_s - self.began_s, reply.class_name, reply.verdict
        )

    def _lose_patience(self, trip: Trip) -> None:
        if self._trip is not trip or self._exchange is None:
            return
        exchange, self._exchange = self._exchange, None
        self._caller.entrance.leave(trip, exchange)
        if self.tries <= self._caller.stream.retries_max:
            self.send()
        else:
            elapsed_s = self._caller.loop.now_s - self.began_s
            self._caller.tally.order_ended(elapsed_s, trip.plan.qos.name, Verdict.ABANDONED)


class Caller:
    """Sends a stream. `tally` is told of each order that ends."""

    def __init__(
        self, name: str, stream: Stream, loop: WorldLoop, rng: random.Random, entrance: Entrance, tally: Tally
    ) -> None:
        self.name = name
        self.stream = stream
        self.body = ",".join(stream.labels).encode()
        self.loop = loop
        self.entrance = entrance
        self.tally = tally
        self._rng = rng
        self._sent = 0
        self._began_s = loop.now_s
        for phase in stream.phases:
            loop.at(self._began_s + phase.from_s, self._begin, phase)
        self._await(0)

    def _await(self, number: int) -> None:
        """The due moment of that number."""
        if number < len(self.stream.due_s):
            self.loop.at(self._began_s + self.stream.due_s[number], self._due, number)

    def _due(self, number: int) -> None:
        self._await(number + 1)
        self._order()

    def _begin(self, phase: Phase) -> None:
        if phase.spacing is Spacing.BURST:
            for _ in range(int(phase.rate)):
                self._order()
        else:
            self._wait(phase)

    def _wait(self, phase: Phase) -> None:
        gap_s = 1.0 / phase.rate
        if phase.spacing is Spacing.POISSON:
            gap_s = int(self._rng.expovariate(phase.rate) * TICKS_PER_S) / TICKS_PER_S
        when = self.loop.now_s + gap_s
        if when < self._began_s + phase.until_s:
            self.loop.at(when, self._next, phase)

    def _next(self, phase: Phase) -> None:
        self._wait(phase)
        self._order()

    def _order(self) -> None:
        self._sent += 1
        self.tally.orders += 1
        Order(self, self._sent, self.loop.now_s).send()
