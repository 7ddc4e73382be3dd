"""A child: one process that serves callers, with the table, the limits and the queue of its supervisor.

Started as `python -m proxy.family.child CHANNEL`, the descriptor of its end of the channel; all else comes
over the channel. It ends when it is told to, when SIGTERM asks it to, and when its supervisor has gone:
each time it lets its requests end first.
"""

import asyncio
import os
import random
import socket
import sys
from importlib.metadata import version
from pathlib import Path

import uvloop

from proxy.admin.census import sight
from proxy.certificate import Certificate, context_of
from proxy.clock import LiveClock
from proxy.edge.handshakes import Handshakes
from proxy.edge.server import HttpServer
from proxy.edge.service import Service
from proxy.engine import Engine
from proxy.errors import AddressInUse
from proxy.family.channel import Channel
from proxy.family.ledger import Ledger
from proxy.family.messages import (
    Ask,
    Began,
    Begin,
    Broke,
    Built,
    Counts,
    Down,
    Edition,
    Ended,
    EndRecording,
    Finish,
    Heeded,
    Hurry,
    NewCertificate,
    NewTable,
    Record,
    Recorded,
    SetDrained,
    Told,
)
from proxy.family.tally import counts_of
from proxy.loading import Loaded, Loader
from proxy.observe.logs import open_log
from proxy.observe.meters import Meters
from proxy.offline.remote import RemoteQueue
from proxy.options import HTTPS
from proxy.ports import Clock, Log
from proxy.process import Signals, raise_descriptors, settle_memory
from proxy.qos.permits import Permitting
from proxy.recording.order import Order
from proxy.routing.problems import Problems
from proxy.routing.table import Application
from proxy.watchdog import Watchdog


class CannotServe(Exception):
    """A table that the supervisor serves cannot be served here."""


async def live(channel: Channel[Down]) -> int:
    """Live one life; the exit status."""
    signals = Signals(asyncio.get_running_loop())
    signals.leave_to_parent()
    begin = await channel.receive()
    if not isinstance(begin, Begin):
        return 1  # the supervisor has gone
    if begin.core is not None:
        os.sched_setaffinity(0, {begin.core})
    log = open_log(begin.log_level, process=begin.column)
    watchdog = Watchdog()
    watchdog.start()
    try:
        loader = Loader(environ=os.environ, clock=LiveClock(), log=log, watchdog=watchdog)
        ledger = Ledger(begin.memory, processes=begin.processes, column=begin.column)
        child = Child(begin, channel, loader, ledger, LiveClock(), log)
        signals.on_second(child.hurry)
        return await child.live(signals.ended)
    except (CannotServe, AddressInUse) as error:
        channel.send(Broke(str(error)))
        return 1
    finally:
        watchdog.stop()
        await channel.close()


class Child:
    """The parts of one child, and what it does on its supervisor's word."""

    def __init__(
        self, begin: Begin, channel: Channel[Down], loader: Loader, ledger: Ledger, clock: Clock, log: Log
    ) -> None:
        self._begin = begin
        self._channel = channel
        self._load = loader.load
        self._ledger = ledger
        self._log = log
        self._slots = begin.edition.slots
        self._work: asyncio.Queue[NewTable | SetDrained] = asyncio.Queue()
        self._drain_s = begin.drain_s
        self._broke = ""
        rng = random.Random(None if begin.seed is None else begin.seed + begin.column)
        self._queue = RemoteQueue(Path(begin.queue))
        self._meters = Meters(self._served)
        self._engine = Engine(
            loaded=self._loaded(begin.edition),
            queue=self._queue,
            client=begin.client,
            clock=clock,
            rng=rng,
            log=log,
            meters=self._meters,
            permits_of=self._permits,
            budget=ledger.purse(),
            pressure=ledger,
            generation=begin.edition.generation,
            traces=begin.traces,
        )
        self._set_drained(begin.edition.drained)
        service = Service(
            pipeline=self._engine.pipeline,
            queue=self._queue,
            clock=clock,
            rng=rng,
            meters=self._meters,
            log=log,
            version=version("penstock"),
        )
        self._clock = clock
        self._tls: Handshakes | None = None
        if begin.certificate is not None:
            context = context_of(begin.certificate)
            self._tls = Handshakes(context, limits=begin.edge, clock=clock, log=log)
        self._server = HttpServer(
            service=service,
            limits=begin.edge,
            clock=clock,
            meters=self._meters,
            tls=self._tls,
            batch=self._engine.batch,
        )

    async def live(self, ended: asyncio.Event) -> int:
        """Serve until `ended`; the exit status. Raises AddressInUse, CannotServe."""
        for scheme, address in self._begin.listen.items():
            await self._server.start(*address, shared=True, secured=scheme == HTTPS)
        self._engine.start(self._server.held_share)
        if self._begin.recording is not None:
            self._record(self._begin.recording)
        self._channel.send(Began(self._begin.edition.generation))
        settle_memory()
        tasks = [asyncio.create_task(work) for work in (self._hear(ended), self._serve_tables(ended))]
        await ended.wait()
        cut_off = await self._server.drain(self._drain_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._engine.stop()
        await self._queue.close()
        self._channel.send(Broke(self._broke) if self._broke else Ended(cut_off, self._counts()))
        return 1 if self._broke else 0

    def hurry(self) -> None:
        """Cut an end that has begun short."""
        self._server.hurry()

    async def _hear(self, ended: asyncio.Event) -> None:
        """Take messages until the supervisor has gone: then end, if it has not asked for that before."""
        while True:
            match await self._channel.receive():
                case NewTable() | SetDrained() as work:
                    self._work.put_nowait(work)
                case NewCertificate(certificate):
                    self._renew(certificate)
                case Ask(serial, states):
                    self._channel.send(self._told(serial, states))
                case Record(order):
                    self._record(order)
                case EndRecording(at_once):
                    (self._engine.tape.stop if at_once else self._engine.tape.close)()
                case Finish(drain_s):
                    self._drain_s = drain_s
                    ended.set()
                case Hurry():
                    self.hurry()
                case None:
                    self._log.error("supervisor_gone", drain_s=self._drain_s)
                    ended.set()
                    return

    async def _serve_tables(self, ended: asyncio.Event) -> None:
        """Do what must be done in order. A table that cannot be served here is a bug: end, and begin anew."""
        try:
            while True:
                match await self._work.get():
                    case NewTable(edition):
                        loaded = await asyncio.to_thread(self._loaded, edition)
                        self._swap(loaded, edition)
                    case SetDrained(serial, application, drained):
                        self._engine.pipeline.snapshot.gates[application].drained = drained
                        self._channel.send(Heeded(serial))
        except Exception as error:  # noqa: BLE001 - told to the supervisor, which logs it and restarts this
            self._broke = str(error) if isinstance(error, CannotServe) else repr(error)
            ended.set()

    def _record(self, order: Order) -> None:
        """Lines go to the supervisor; while it does not read they stay here, within limits."""
        channel = self._channel
        self._engine.tape.begin(
            order,
            self._begin.column,
            lambda batch: channel.send(Recorded(batch)),
            lambda: channel.unsent_bytes < order.limits.sent_bytes_max,
        )

    def _renew(self, certificate: Certificate) -> None:
        assert self._tls is not None, "a proxy without a certificate got a new one"
        self._tls.renew(context_of(certificate))

    def _loaded(self, edition: Edition) -> Loaded:
        path = Path(self._begin.table)
        loaded = self._load(path, edition.source)
        if isinstance(loaded, Problems):
            raise CannotServe("\n".join(loaded.lines(str(path))))
        return loaded

    def _swap(self, loaded: Loaded, edition: Edition) -> None:
        self._slots = edition.slots
        pipeline = self._engine.pipeline
        build = self._engine.builder.build
        pipeline.swap(build(loaded.table, loaded.labeling, pipeline.snapshot, edition.generation))
        self._set_drained(edition.drained)
        self._engine.retain(loaded)
        held = self._ledger.held().difference(edition.slots.values())
        self._channel.send(Built(edition.generation, tuple(held)))
        self._log.debug("table_served", generation=edition.generation)

    def _permits(self, application: Application) -> Permitting:
        return self._ledger.permits(self._slots[application.id], application)

    def _served(self, application: str) -> None:
        """The supervisor's drain tells a ticket that is poison from a fleet that is down by it."""
        slot = self._slots.get(application)
        if slot is not None:
            self._ledger.count_served(slot)

    def _set_drained(self, applications: tuple[str, ...]) -> None:
        for name, gate in self._engine.pipeline.snapshot.gates.items():
            gate.drained = name in applications

    def _told(self, serial: int, states: bool) -> Told:
        now = self._clock.now()
        gates = self._engine.pipeline.snapshot.gates if states else {}
        breakers = {name: gate.breaker.state(now).value for name, gate in gates.items()}
        return Told(
            serial=serial,
            counts=self._counts(),
            breakers={name: state for name, state in breakers.items() if state},
            limits={name: gate.ceiling.limit for name, gate in gates.items() if gate.ceiling is not None},
            sight=sight(gates, now),
        )

    def _counts(self) -> Counts:
        return counts_of(self._meters, self._engine.pipeline.snapshot.labeling.events())


async def _main(descriptor: int) -> int:
    raise_descriptors()
    return await live(await Channel[Down].over(socket.socket(fileno=descriptor), Down))


def main() -> None:
    """Run one child to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_main(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
