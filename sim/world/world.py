"""A world: the production pipeline, gates, chains, queue and drain, over simulated callers and model servers.

Puts parts together and lets time run; decides nothing. `run` ends when everybody has been served and all has
come to rest, or at the first violation.
"""

import math
from collections.abc import Callable, Iterable

from proxy.checkups import Checkups
from proxy.messages import Reply, Request, Verdict
from proxy.observe.meters import Meters
from proxy.offline.drain import Drain
from proxy.pipeline import Pipeline
from proxy.qos.permits import PermitsOf, own_permits
from proxy.routing.parse import parse_table
from proxy.routing.problems import Problems
from proxy.routing.table import QosClass, Table
from proxy.snapshot import Snapshot, SnapshotBuilder
from proxy.tiers.zombie import ZOMBIE_S_MAX
from proxy.timers import Wheel
from sim.world.caller import Caller, Cancellable
from sim.world.chance import Chance
from sim.world.clock import WorldClock
from sim.world.cluster import WorldCluster
from sim.world.history import History
from sim.world.labels import BodyLabels
from sim.world.log import WorldLog
from sim.world.loop import NothingLeft, WorldLoop
from sim.world.plan import WorldPlan
from sim.world.queue import WorldQueue
from sim.world.server import Server
from sim.world.tally import Tally
from sim.world.trip import Trip
from sim.world.watch import Checker, Violation, Watch, tell

LOOK_S = 0.25
"""How often it is looked whether all has come to rest, or a rule was broken."""


class World:
    """One simulation. The parts are open to checkers, which look and do not touch."""

    def __init__(
        self,
        plan: WorldPlan,
        seed: int,
        checkers: Iterable[Checker] = (),
        *,
        permits_of: PermitsOf = own_permits,
        history: History | None = None,
        to_the_end: bool = False,
    ) -> None:
        """`to_the_end`: a violation does not end it, for the figures of a proxy without limits."""
        self._to_the_end = to_the_end
        self.plan = plan
        self.seed = seed
        self.history = history or History()
        self.watch = watch = Watch((self.history, *checkers))
        self.loop = loop = WorldLoop()
        self.began_s = loop.now_s
        watch.now = lambda: loop.now_s - self.began_s
        watch.story = self.history.last
        self.chance = chance = Chance(seed)
        self.clock = WorldClock(loop)
        self.log = WorldLog(watch)
        self.meters = Meters()
        self.trips: dict[Request, Trip] = {}  # under way
        self.taken = 0
        self.servers = {
            each.url: Server(each, loop, chance.of(f"server {each.url}"), watch) for each in plan.servers
        }
        self.cluster = WorldCluster(self.servers, self.trips, loop, watch)
        self.queue = WorldQueue(plan.queue, self.clock, loop, watch)
        self._build(permits_of)
        self._populate()
        if watch.rested:
            loop.rested = watch.rested[0] if len(watch.rested) == 1 else lambda: tell(watch.rested)
        for checker in watch.checkers:
            checker.opened(self)
        self.queue.fill()

    def _build(self, permits_of: PermitsOf) -> None:
        """The proxy, as its composition root does."""
        loop, chance = self.loop, self.chance
        table = parse_table(self.plan.table, {})
        assert isinstance(table, Table), table.lines("the world's table")
        timers = Wheel(now=loop.time, alarm=loop.call_later, report=self._timer_broke)
        self.builder = SnapshotBuilder(
            clock=self.clock,
            timers=timers,
            rng=chance.of("draws of the proxy"),
            clusters={"http": self.cluster, "hsf": self.cluster},
            permits_of=permits_of,
        )
        self.checkups = Checkups(
            clusters={"http": self.cluster},
            clock=self.clock,
            timers=timers,
            rng=chance.of("health checks"),
            log=self.log,
        )
        self.labels = BodyLabels()
        self.pipeline = Pipeline(
            snapshot=self.builder.build(table, self.labels, None),
            queue=self.queue,
            clock=self.clock,
            meters=self.meters,
            log=self.log,
        )
        self._narrow(self.pipeline.snapshot)
        self.drain = Drain(
            queue=self.queue,
            send=self._replay,
            clock=self.clock,
            rng=chance.of("drain"),
            log=self.log,
            pressure=self.pipeline.pressed,
        )

    def _narrow(self, snapshot: Snapshot) -> None:
        """Lines that are short enough for a small world to fill."""
        if self.plan.waiters_max is not None:
            for gate in snapshot.gates.values():
                gate.line.waiters_max = self.plan.waiters_max

    def _populate(self) -> None:
        deadlines_s = {each.name: each.deadline_s for each in self.pipeline.snapshot.table.classes}
        self.tallies = [Tally(deadlines_s, stream.deadline_s) for stream in self.plan.streams]
        self.callers = [
            Caller(
                f"{number}-{stream.caller}",
                stream,
                self.loop,
                self.chance.of(f"caller {number}"),
                self,
                self.tallies[number],
            )
            for number, stream in enumerate(self.plan.streams)
        ]
        ends_s = [phase.until_s for stream in self.plan.streams for phase in stream.phases]
        ends_s += [moment_s for stream in self.plan.streams for moment_s in stream.due_s[-1:]]
        self.load_ends_s = self.began_s + max(ends_s, default=0.0)
        for each in self.plan.reloads:
            self.loop.at(self.began_s + each.at_s, self._reload, each.table)
        for drain in self.plan.drains:
            self.loop.at(self.began_s + drain.from_s, self._drain, (drain.application, True))
            self.loop.at(self.began_s + drain.until_s, self._drain, (drain.application, False))

    def take(self, request: Request, done: Callable[[Reply], None]) -> tuple[Trip, Cancellable]:
        """A request goes into the pipeline: a caller's, or a ticket's."""
        snapshot = self.pipeline.snapshot
        self.taken += 1
        labels = self.labels.known(request.body)
        plan = snapshot.table.plan(labels, request.drained)
        deadline_s = _deadline_s(request, plan.qos)
        trip = Trip(self.taken, request, plan, snapshot, deadline_s, labels, self._replied, done)
        self.trips[request] = trip
        for each in self.watch.arrived:
            each(trip)
        return trip, self.pipeline.take(request, trip.answered)

    def _replay(self, request: Request, done: Callable[[Reply], None]) -> "Replay":
        return Replay(self, *self.take(request, done))

    def leave(self, trip: Trip, exchange: Cancellable) -> None:
        """The caller of a request hangs up."""
        exchange.cancel()
        for each in self.watch.abandoned:
            each(trip)
        trip.verdict = Verdict.ABANDONED
        self.trips.pop(trip.request, None)

    def run(self) -> tuple[Violation, ...]:
        """Let it all happen. The violations; the first one ends the world."""
        try:
            self.loop.run_until_complete(self._live())
        except NothingLeft as error:
            self.watch.add("it comes to an end", str(error))
        except Exception as error:
            self.watch.add("no bug shows", repr(error))
            if not self.watch.violations:
                raise
        return tuple(self.watch.violations)

    async def _live(self) -> None:
        self.checkups.follow(self.pipeline.snapshot.gates)
        if self.plan.drained:
            self.drain.start()
        while not (self._spoilt() or self._at_rest()):
            if self.loop.now_s > self.load_ends_s + self.plan.rest_s:
                break
            await self._sleep(LOOK_S)
        if self.plan.drained and not self._spoilt():
            await self.drain.stop()
            await self._sleep(ZOMBIE_S_MAX + LOOK_S)  # what was given up on reaches its server, and ends
        self.checkups.stop()
        if not self._spoilt():
            for checker in self.watch.checkers:
                checker.closed(self)

    def _spoilt(self) -> bool:
        return bool(self.watch.violations) and not self._to_the_end

    def _at_rest(self) -> bool:
        if self.loop.now_s <= self.load_ends_s or self.trips:
            return False
        if any(server.inside for server in self.servers.values()):
            return False
        gates = self.pipeline.snapshot.gates.values()
        if any(gate.permits.in_flight for gate in gates):  # of zombies, whose connections are closed in time
            return False
        return not (self.plan.drained and self.queue.pending())

    async def _sleep(self, span_s: float) -> None:
        future = self.loop.create_future()
        self.loop.at(self.loop.now_s + span_s, future.set_result, None)
        await future

    def _replied(self, trip: Trip, reply: Reply) -> None:
        for each in self.watch.replied:
            each(trip, reply)
        trip.verdict = reply.verdict
        self.trips.pop(trip.request, None)
        trip.done(reply)

    def _reload(self, text: str) -> None:
        """As `reload.py` does, but for the file and the thread."""
        before = self.pipeline.snapshot
        tell(self.watch.reloading, before)
        table = parse_table(text, {})
        if not isinstance(table, Problems):
            self.pipeline.swap(self.builder.build(table, self.labels, before))
            self._narrow(self.pipeline.snapshot)
            self.checkups.follow(self.pipeline.snapshot.gates)
        tell(self.watch.reloaded, before, self.pipeline.snapshot, isinstance(table, Table))

    def _drain(self, wanted: tuple[str, bool]) -> None:
        """As an operator does; an application that is not there is not found."""
        application, drained = wanted
        gate = self.pipeline.snapshot.gates.get(application)
        if gate is not None:
            gate.drained = drained

    def _timer_broke(self, error: Exception) -> None:
        self.log.error("timer_broke", error=repr(error))


class Replay:
    """A ticket's request on its way, as the drain holds it."""

    __slots__ = ("_exchange", "_trip", "_world")

    def __init__(self, world: World, trip: Trip, exchange: Cancellable) -> None:
        self._world = world
        self._trip = trip
        self._exchange = exchange

    def cancel(self) -> None:
        """The drain stops."""
        self._world.leave(self._trip, self._exchange)


def _deadline_s(request: Request, qos: QosClass) -> float:
    """The moment after which nobody wants the answer: by table and caller, not by the proxy's word."""
    budget_s = math.inf if qos.deadline_s is None else qos.deadline_s
    if request.deadline_s is not None and request.deadline_s < budget_s:
        budget_s = request.deadline_s
    return request.arrived_s + budget_s
