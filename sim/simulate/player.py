"""Plays a schedule in a world: each request is taken in when it is due, and what came of it is written down.

As the generator of a live run does, with the same labels in turn and the same ends; it is never late. Hot.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from proxy.messages import Fallback, Reply, Request
from sim.load.crew import Told
from sim.load.ends import TIMED_OUT, UNANSWERED
from sim.replay.plan import ReplayPlan, TrafficClass
from sim.replay.script import Script
from sim.replay.sight import Sight
from sim.shapes.wanted import Wanted
from sim.world.caller import Cancellable
from sim.world.trip import Trip
from sim.world.world import World

WELL = frozenset((200, 202))
SWEEP_S = 1.0
"""How often it is looked for requests that wait too long; as exact as that is their end."""

LOAD = "load"
"""The caller of all: a live generator calls from one address too."""

Labels = Sequence[tuple[str, ...]]


class Player:
    """`labels`: of each request, in place of its class's own in turn."""

    def __init__(self, world: World, plan: ReplayPlan, script: Script, labels: Labels | None = None) -> None:
        self._world = world
        self._loop = world.loop
        self._script = script
        self._answer_s_max = plan.limits.answer_s_max
        self._due_s: list[float] = script.due_s.tolist()
        self._kinds: list[int] = script.kinds.tolist()
        self._ended_s = [-1.0] * len(self._due_s)
        self._ends = [UNANSWERED] * len(self._due_s)
        self._bodies = [[label.encode() for label in each.labels] or [b""] for each in plan.classes]
        self._labels = labels
        self._processes = plan.processes
        self._fallbacks = [fallback_of(each) for each in plan.classes]
        self._deadlines_s = [deadline_of(each) for each in plan.classes]
        self._open: dict[int, tuple[Trip, Cancellable]] = {}  # by number: as they were sent
        self._stopped = False
        self.turned_to = self._ended = self._failed = 0

    @property
    def told(self) -> Told:
        """So far."""
        return Told(turned_to=self.turned_to, ended=self._ended, failed=self._failed)

    def start(self) -> None:
        """From now on."""
        self._world.load_ends_s = self._world.began_s + self._script.seconds
        if self._due_s:
            self._await(0)
        self._loop.at(self._loop.now_s + SWEEP_S, self._sweep, None)

    def stop(self) -> None:
        """Send nothing more, and wait for nothing."""
        self._stopped = True
        self._world.load_ends_s = self._loop.now_s - self._world.plan.rest_s
        for trip, exchange in self._open.values():
            self._world.leave(trip, exchange)
        self._open.clear()

    def sight(self, edge_s: float) -> Sight:
        """What was seen of all that were turned to; an answer takes `edge_s` more to its caller and back."""
        count = self.turned_to
        planned_s = self._script.due_s[:count]
        ended_s = np.array(self._ended_s[:count])
        return Sight(
            planned_s=planned_s,
            lag_s=np.zeros(count),
            sent_s=planned_s.copy(),
            ended_s=np.where(ended_s >= 0, ended_s + edge_s, ended_s),
            ends=np.array(self._ends[:count], dtype=np.int16),
            kinds=self._script.kinds[:count],
        )

    def _await(self, number: int) -> None:
        self._loop.at(self._world.began_s + self._due_s[number], self._due, number)

    def _due(self, number: int) -> None:
        if self._stopped:
            return
        self.turned_to = following = number + 1
        if following < len(self._due_s):
            self._await(following)
        kind = self._kinds[number]
        recorded = self._recorded(number)
        request = Request(
            id=f"{kind}-{number}",
            method=b"POST",
            target=b"/v2/models/m/infer",
            model="m",
            body=self._body(kind, number),
            arrived_s=self._loop.now_s,
            deadline_s=self._deadlines_s[kind] if recorded is None else _asked_s(recorded),
            fallback=self._fallbacks[kind] if recorded is None else Fallback(recorded.fallback),
            caller=LOAD,
        )
        trip, exchange = self._world.take(request, partial(self._answered, number))
        if trip.verdict is None:
            self._open[number] = trip, exchange

    def _recorded(self, number: int) -> Wanted | None:
        """The request of a recording that this one is, if it is one."""
        which = self._script.which
        return None if which is None or which[number] < 0 else self._script.exact[which[number]]

    def _body(self, kind: int, number: int) -> bytes:
        recorded = self._recorded(number)
        if recorded is not None:
            return ",".join(recorded.labels).encode()
        if self._labels is not None:
            return ",".join(self._labels[number]).encode()
        bodies = self._bodies[kind]
        return bodies[number // self._processes % len(bodies)]

    def _answered(self, number: int, reply: Reply) -> None:
        self._open.pop(number, None)
        self._end(number, reply.answer.status)

    def _end(self, number: int, end: int) -> None:
        self._ended_s[number] = self._loop.now_s - self._world.began_s
        self._ends[number] = end
        self._ended += 1
        self._failed += end not in WELL

    def _sweep(self, _: None) -> None:
        """Who has waited for too long leaves."""
        too_old_s = self._loop.now_s - self._answer_s_max
        old = []
        for number, (trip, exchange) in self._open.items():
            if trip.began_s > too_old_s:
                break
            old.append((number, trip, exchange))
        for number, trip, exchange in old:
            del self._open[number]
            self._world.leave(trip, exchange)
            self._end(number, TIMED_OUT)
        if not self._stopped:
            self._loop.at(self._loop.now_s + SWEEP_S, self._sweep, None)


def _asked_s(recorded: Wanted) -> float | None:
    return None if recorded.asked_ms is None else recorded.asked_ms / 1e3


def fallback_of(each: TrafficClass) -> Fallback:
    """What its header fields ask for, as the proxy's front reads them."""
    fields = {name.lower(): value.lower() for name, value in each.headers}
    if "respond-async" in (part.strip() for part in fields.get("prefer", "").split(",")):
        return Fallback.AT_ONCE
    return Fallback.NONE if fields.get("penstock-fallback", "").strip() == "none" else Fallback.QUEUE


def deadline_of(each: TrafficClass) -> float | None:
    """The budget that its header fields state."""
    stated = next((value for name, value in each.headers if name.lower() == "penstock-deadline-ms"), None)
    return None if stated is None else float(stated) / 1e3
