"""The supervisor of a proxy of several processes: starts children, and owns what there is one of.

Its children serve callers on one address. The supervisor has the offline queue and its drain, the table
watcher, the admin side, and the slots of the ledger in which permits are counted. A table that it accepts
goes to every child with its generation; each child swaps whole tables, in the same order.
"""

import asyncio
import contextlib
import os
import tempfile
from collections import Counter
from pathlib import Path

import msgspec

from proxy.admin.census import STATES, Counted, sight, states
from proxy.certificate import Certificate
from proxy.engine import Engine
from proxy.family.address import Reservation
from proxy.family.keeper import Keeper
from proxy.family.ledger import SLOTS_MAX, Ledger, new_memory
from proxy.family.messages import (
    Begin,
    Counts,
    Edition,
    EndRecording,
    Hurry,
    NewCertificate,
    NewTable,
    Record,
    Told,
)
from proxy.family.slots import Slots
from proxy.family.tally import Sum, counts_of
from proxy.loading import Loaded, Loader
from proxy.observe.meters import Meters
from proxy.observe.page import ApplicationState
from proxy.office import Office
from proxy.offline.open import MEMORY, path_of
from proxy.offline.server import QueueServer
from proxy.offline.wire import socket_path
from proxy.options import Address, ServeOptions
from proxy.ports import Clock, Log, OfflineQueue, Rng
from proxy.qos.permits import Permitting
from proxy.recording.order import Batch, Order
from proxy.renewal import Renewal
from proxy.routing.problems import Problem, Problems
from proxy.routing.sight import Sight
from proxy.routing.table import Application
from proxy.tiers.zombie import ZOMBIE_S_MAX

GATHER_S = 1.0
"""How often children are asked for their counts, so that those of one that is killed are not lost."""

DEPARTED_S = ZOMBIE_S_MAX
"""When the permits of a process that ended with calls in flight come back. Its connections were closed with
it, as those of a call that outlived its timeout are after this time: most servers stop then, and the others
have had as long to end as a zombie has."""


class Supervisor:
    """`start`, then `stop`. As `keeper.Family` it is asked by the keepers, as `Census` by the admin side."""

    def __init__(
        self,
        *,
        options: ServeOptions,
        loader: Loader,
        loaded: Loaded,
        queue: OfflineQueue,
        log: Log,
        clock: Clock,
        rng: Rng,
        certificate: Certificate | None = None,
    ) -> None:
        self._options = options
        self._loader = loader
        self._queue = queue
        self._log = log
        self._clock = clock
        self._ledger = Ledger(new_memory(options.processes), processes=options.processes, column=0)
        self._slots = Slots(self._ledger.reset)
        self.meters = Meters(self._count_served)
        self._engine = Engine(
            loaded=loaded,
            queue=queue,
            client=options.client,
            clock=clock,
            rng=rng,
            log=log,
            meters=self.meters,
            permits_of=self._permits,
            budget=self._ledger.purse(),
            pressure=self._ledger,
            traces=options.traces,
        )
        self._keepers = [
            Keeper(column, self, clock=clock, log=log) for column in range(1, options.processes + 1)
        ]
        self._renewal: Renewal | None = None
        if certificate is not None:
            self._renewal = Renewal(certificate, renewed=self._renewed, log=log)
        self._office = Office(
            options=options,
            engine=self._engine,
            loader=loader,
            queue=queue,
            clock=clock,
            rng=rng,
            log=log,
            load=self._load,
            swapped=self._swapped,
            served=self.served,
            accepting=lambda: any(keeper.accepting for keeper in self._keepers),
            census=self,
            renewal=self._renewal,
            processes=self,
        )
        self._order: Order | None = None  # the recording under way
        self.reloader = self._office.reloader
        self.reread = self._office.hurry
        self._departed = Sum()
        self._reservations: dict[str, Reservation] = {}  # by scheme
        self._gatherer: asyncio.Task[None] | None = None
        self._queue_at = Path()
        self._cleaning = contextlib.AsyncExitStack()

    async def start(self) -> dict[str, Address]:
        """Serve with all children; the addresses, by scheme, and the admin side's. Raises PenstockError."""
        await self._serve_queue()
        for scheme, address in self._options.data_sides.items():
            self._reservations[scheme] = Reservation(*address)
        admin = await self._office.open()
        await asyncio.gather(*(keeper.start() for keeper in self._keepers))
        self._office.start()
        self._engine.start()
        self._gatherer = asyncio.create_task(self._gather_now_and_then())
        bound = {scheme: each.address for scheme, each in self._reservations.items()}
        return {**bound, "admin": admin}

    def hurry(self) -> None:
        """Cut a stop that has begun short."""
        for keeper in self._keepers:
            keeper.send(Hurry())

    async def stop(self) -> int:
        """Requests first, then tickets, then all that served them; how many requests were cut off."""
        await asyncio.gather(*(keeper.finish(self._options.drain_s) for keeper in self._keepers))
        await self._office.stop()
        if self._gatherer is not None:
            self._gatherer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._gatherer
        await self._engine.stop()
        for reservation in self._reservations.values():
            reservation.release()
        await self._cleaning.aclose()
        self._ledger.close()
        return sum(keeper.cut_off for keeper in self._keepers)

    async def _serve_queue(self) -> None:
        """Children reach the queue over a socket: its owner's, or, of one in memory, a private one."""
        if self._options.queue != MEMORY:
            self._queue_at = socket_path(path_of(self._options.queue))
            return
        folder = self._cleaning.enter_context(tempfile.TemporaryDirectory(prefix="penstock-"))
        self._queue_at = Path(folder) / "queue.sock"
        server = QueueServer(queue=self._queue, path=self._queue_at, log=self._log)
        await server.start()
        self._cleaning.push_async_callback(server.close)

    # -- tables -------------------------------------------------------------------------------------

    def _permits(self, application: Application) -> Permitting:
        return self._ledger.permits(self._slots.of(application.id), application)

    def _count_served(self, application: str) -> None:
        slot = self._slots.find(application)
        if slot is not None:
            self._ledger.count_served(slot)

    def served(self, application: str) -> int:
        """Answers that it gave to any process."""
        slot = self._slots.find(application)
        return 0 if slot is None else self._ledger.served(slot)

    def _load(self, path: Path, data: bytes) -> Loaded | Problems:
        loaded = self._loader.load(path, data)
        if isinstance(loaded, Loaded) and not self._slots.room(loaded.table.applications):
            said = f"more than {SLOTS_MAX} applications are in use, with those of earlier tables"
            return Problems((Problem(line=1, message=said),))
        return loaded

    def _swapped(self, loaded: Loaded) -> None:
        self._engine.retain(loaded)
        self._slots.keep(loaded.table.applications)
        edition = self.edition()
        for keeper in self._keepers:
            keeper.send(NewTable(edition))

    def _renewed(self, certificate: Certificate, _: object) -> None:
        for keeper in self._keepers:
            keeper.send(NewCertificate(certificate))

    def edition(self) -> Edition:
        """The table in service, as children are told of it."""
        snapshot = self._engine.pipeline.snapshot
        return Edition(
            source=snapshot.table.source,
            generation=snapshot.generation,
            slots=self._slots.shown(),
            drained=tuple(name for name, gate in snapshot.gates.items() if gate.drained),
        )

    # -- keeper.Family ------------------------------------------------------------------------------

    @property
    def memory(self) -> int:
        return self._ledger.file

    def begin(self, column: int) -> Begin:
        options = self._options
        return Begin(
            column=column,
            processes=options.processes,
            core=sorted(os.sched_getaffinity(0))[column - 1] if options.pin else None,
            memory=self.memory,
            table=str(options.table),
            edition=self.edition(),
            listen={scheme: each.named for scheme, each in self._reservations.items()},
            queue=str(self._queue_at),
            log_level=options.log_level,
            drain_s=options.drain_s,
            seed=options.seed,
            edge=options.edge,
            client=options.client,
            traces=options.traces,
            certificate=None if self._renewal is None else self._renewal.certificate,
            recording=self._late_order(column),
        )

    def recorded(self, column: int, batch: Batch) -> None:
        self._office.desk.hand_in(column, batch)

    def built(self) -> None:
        alive = [keeper for keeper in self._keepers if keeper.alive]
        if all(keeper.generation == self._engine.pipeline.snapshot.generation for keeper in alive):
            self._slots.release(self._ledger.held().union(*(keeper.held for keeper in alive)))

    def ended(self, column: int, counts: Counts | None) -> None:
        moved = self._ledger.bury(column, self._slots.used)
        if moved:
            asyncio.get_running_loop().call_later(DEPARTED_S, self._restore, moved)
        if counts is not None:
            self._departed.add(counts, ended=True)
        self._office.desk.lose(column)

    def _restore(self, moved: Counter[int]) -> None:
        self._ledger.restore(moved)
        self.built()

    # -- recording.desk.Processes -------------------------------------------------------------------

    def record(self, order: Order) -> set[int]:
        self._order = order
        told = {0}  # itself: the tickets that it sends
        self._engine.tape.begin(order, 0, lambda batch: self._office.desk.hand_in(0, batch))
        for column, keeper in enumerate(self._keepers, 1):
            if keeper.hears:  # else it is told with all the rest, when it starts
                keeper.send(Record(order))
                told.add(column)
        return told

    def close_recording(self) -> None:
        self._end_recording(at_once=False)

    def forget_recording(self) -> None:
        self._end_recording(at_once=True)

    def _end_recording(self, *, at_once: bool) -> None:
        self._order = None
        (self._engine.tape.stop if at_once else self._engine.tape.close)()
        for keeper in self._keepers:
            keeper.send(EndRecording(at_once))

    def _late_order(self, column: int) -> Order | None:
        """For a process that starts while a recording is under way."""
        if self._order is not None:
            self._office.desk.expect(column)
        return self._order

    # -- admin.census.Census ------------------------------------------------------------------------

    async def take(self) -> Counted:
        told = await self._gather(states=True)
        snapshot = self._engine.pipeline.snapshot
        total = self._sum()
        return Counted(
            meters=total.meters,
            labelers=total.labelers,
            applications=self._worst(states(snapshot.gates, self._clock.now()), told),
            sights=self._sights(told),
            processes={state: [each.state for each in self._keepers].count(state) for state in STATES},
            restarts=sum(keeper.restarts for keeper in self._keepers),
        )

    def generation(self) -> int:
        served = [keeper.generation for keeper in self._keepers if keeper.generation]
        return min(served, default=self._engine.pipeline.snapshot.generation)

    async def set_drained(self, application: str, drained: bool) -> None:
        self._engine.pipeline.snapshot.gates[application].drained = drained
        await asyncio.gather(*(keeper.set_drained(application, drained) for keeper in self._keepers))

    async def _gather(self, *, states: bool) -> list[Told]:
        told = await asyncio.gather(*(keeper.ask(states=states) for keeper in self._keepers))
        return [each for each in told if each is not None]

    async def _gather_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(GATHER_S)
            await self._gather(states=False)

    def counts(self) -> Counts:
        """Its own: of the tickets that it sent."""
        return counts_of(self.meters, self._engine.pipeline.snapshot.labeling.events())

    def _sum(self) -> Sum:
        """What all have counted; a child that is silent stands there with what it told last."""
        total = Sum()
        total.add(self.counts())
        total.add(self._departed.counts(), ended=True)
        for keeper in self._keepers:
            if keeper.counts is not None:
                total.add(keeper.counts)
        return total

    def _worst(self, seen: dict[str, ApplicationState], told: list[Told]) -> dict[str, ApplicationState]:
        """The worst that callers meet; not by the drain's own breaker, which may rest unasked for long."""
        return {
            name: msgspec.structs.replace(
                state,
                breaker=max((each.breakers.get(name, 0) for each in told), default=state.breaker),
                permits_limit=min(
                    (each.limits[name] for each in told if name in each.limits), default=state.permits_limit
                ),
                departed=self._ledger.departed(self._slots.find(name) or 0),
            )
            for name, state in seen.items()
        }

    def _sights(self, told: list[Told]) -> list[Sight]:
        own = sight(self._engine.pipeline.snapshot.gates, self._clock.now())
        return [each.sight for each in told] or [own]
