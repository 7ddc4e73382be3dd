"""Decides which simple behaviour the next request meets, and after how long. Pure but for Rng and clock."""

import heapq
import itertools
import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import assert_never

from proxy.ports import Rng
from sim.stubs.behaviours import (
    AnyBehaviour,
    Exponential,
    Latency,
    Lognormal,
    Machines,
    Refuse,
    Sequence,
    Simple,
    Slots,
    Sometimes,
    Uniform,
)
from sim.world.work import Work

Cue = tuple[float, Simple]
"""Seconds to think, and what to do then."""


Now = Callable[[], float]
"""The time in seconds, from any start."""


def direct(behaviour: AnyBehaviour, rng: Rng, now: Now = time.monotonic) -> Callable[[], Cue]:
    """A function that gives the cue of each request in turn.

    Raises ValueError where `Refuse` stands inside another behaviour: a request that has arrived can no
    longer be refused a connection.
    """
    match behaviour:
        case Latency():
            return _late(behaviour, rng, now)
        case Slots() | Machines():
            return _served(behaviour, rng, now)
        case Sequence():
            return _in_turn(behaviour, rng, now)
        case Sometimes():
            one, other = direct(behaviour.behaviour, rng, now), direct(behaviour.otherwise, rng, now)
            return lambda: one() if rng.random() < behaviour.fraction else other()
        case Refuse():
            raise ValueError("a stub refuses connections always or never: 'refuse' cannot be a part")
        case _:
            cue = (0.0, behaviour)
            return lambda: cue


def _late(behaviour: Latency, rng: Rng, now: Now) -> Callable[[], Cue]:
    then = direct(behaviour.then, rng, now)

    def cue() -> Cue:
        delay_s = draw_s(behaviour.delay, rng)
        later_s, simple = then()
        return delay_s + later_s, simple

    return cue


def _served(behaviour: Slots | Machines, rng: Rng, now: Now) -> Callable[[], Cue]:
    """First come, first served: when each request will be done is known when it arrives."""
    if behaviour.slots < 1:
        raise ValueError("a server needs at least one slot")
    work_s = _work_s(behaviour, rng)
    then, full = direct(behaviour.then, rng, now), direct(behaviour.full, rng, now)
    free_s = [0.0] * behaviour.slots  # when each slot is free, a heap
    starts_s: deque[float] = deque()  # of those that wait

    def cue() -> Cue:
        now_s = now()
        while starts_s and starts_s[0] <= now_s:
            starts_s.popleft()
        if len(starts_s) >= behaviour.waiting_max and free_s[0] > now_s:
            return full()
        start_s = max(now_s, free_s[0])
        if start_s > now_s:
            starts_s.append(start_s)
        done_s = start_s + work_s(start_s, free_s)
        heapq.heapreplace(free_s, done_s)
        later_s, simple = then()
        return done_s - now_s + later_s, simple

    return cue


def _work_s(behaviour: Slots | Machines, rng: Rng) -> Callable[[float, list[float]], float]:
    """What one takes that begins at a time; the slots are busy until the times that are given with it."""
    if isinstance(behaviour, Slots):
        delay = behaviour.delay
        return lambda *_: draw_s(delay, rng)
    work = Work(behaviour.service)

    def work_s(start_s: float, free_s: list[float]) -> float:
        serving = 1 + sum(each > start_s for each in free_s)
        return work.drawn_s(serving, work.mean_s(serving), rng)

    return work_s


def _in_turn(behaviour: Sequence, rng: Rng, now: Now) -> Callable[[], Cue]:
    if not behaviour.behaviours:
        raise ValueError("a sequence needs at least one behaviour")
    cues = [direct(each, rng, now) for each in behaviour.behaviours]
    turns = itertools.cycle(cues) if behaviour.cycle else itertools.chain(cues, itertools.repeat(cues[-1]))

    def cue() -> Cue:
        turn = next(turns)
        return turn()

    return cue


def draw_s(delay: float | Uniform | Exponential | Lognormal, rng: Rng) -> float:
    """One delay in seconds, by inversion: one random number each, so that a seed replays exactly."""
    match delay:
        case Uniform():
            return delay.low_s + (delay.high_s - delay.low_s) * rng.random()
        case Exponential():
            return -delay.mean_s * math.log(1.0 - rng.random())
        case Lognormal():
            u = max(rng.random(), 2.0**-53)  # the inverse is not defined at 0
            return delay.median_s * math.exp(delay.sigma * statistics.NormalDist().inv_cdf(u))
        case float() | int():
            return float(delay)
        case _:
            assert_never(delay)
