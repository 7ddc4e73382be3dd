"""The composition root: the only place that builds concrete parts and puts them together."""

import asyncio
import gc
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec
import uvloop

from proxy.admin.operations import Operations
from proxy.admin.server import AdminServer
from proxy.clock import LiveClock
from proxy.clusters.http import HttpCluster
from proxy.clusters.limits import ClientLimits
from proxy.edge.limits import EdgeLimits
from proxy.edge.server import HttpServer
from proxy.edge.service import Service
from proxy.loading import Loaded, Loader, load_file
from proxy.observe.logs import open_log
from proxy.observe.meters import Meters
from proxy.offline.drain import Drain, DrainLimits
from proxy.offline.open import open_queue
from proxy.pipeline import Pipeline
from proxy.ports import Log, OfflineQueue
from proxy.reload import Reloader
from proxy.snapshot import SnapshotBuilder
from proxy.timers import Wheel
from proxy.watchdog import Watchdog

SWEEP_S = 5.0
"""How often idle connections to model servers are looked through, and the ends of log bursts."""

SWITCH_S = 0.0005
"""How long a thread that computes (it parses a new table, say) may keep the event loop's thread waiting."""

Address = tuple[str, int]


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `penstock serve` was told."""

    table: Path
    listen: Address = ("127.0.0.1", 8080)
    admin: Address = ("127.0.0.1", 9090)
    queue: str = "sqlite:///penstock.db"
    log_level: str = "info"
    drain_s: float = 25.0
    seed: int | None = None  # of the weighted draws; None = a fresh one
    edge: EdgeLimits = EdgeLimits()
    client: ClientLimits = ClientLimits()
    drain: DrainLimits = DrainLimits()


def serve(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT. Raises PenstockError for what the operator can mend."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options))


def _raise_descriptors() -> None:
    """As many connections as the system allows: the soft limit is often 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(options: ServeOptions) -> None:
    _raise_descriptors()
    log = open_log(options.log_level)
    signals = Signals(asyncio.get_running_loop())
    watchdog = Watchdog()
    watchdog.start()
    try:
        loader = Loader(environ=os.environ, clock=LiveClock(), log=log, watchdog=watchdog)
        loaded = load_file(loader, options.table)
        queue = await open_queue(options.queue, clock=LiveClock(), log=log)
        try:
            await _live(App(options, loader, loaded, queue, log), options, signals, log)
        finally:
            await queue.close()
    finally:
        watchdog.stop()


async def _live(app: "App", options: ServeOptions, signals: "Signals", log: Log) -> None:
    try:
        listen, admin = await app.start()
        signals.on_hangup(app.reloader)
        signals.on_second(app.hurry)
        _settle_memory()
        where = {"http": _shown(listen), "admin": _shown(admin), "table": str(options.table)}
        print("penstock ready", *(f"{key}={value}" for key, value in where.items()), flush=True)  # noqa: T201
        log.info("ready", **where)
        await signals.ended.wait()
        log.info("draining", drain_s=options.drain_s)
    finally:
        log.info("ended", cut_off=await app.stop())


class Signals:
    """SIGTERM and SIGINT ask to end, a second one to end at once; SIGHUP asks for a reload."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = asyncio.Event()
        self._loop = loop
        self._hurry: Callable[[], None] = lambda: None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def _end(self) -> None:
        if self.ended.is_set():
            self._hurry()
        self.ended.set()

    def on_second(self, hurry: Callable[[], None]) -> None:
        """From now on a second signal calls `hurry`."""
        self._hurry = hurry

    def on_hangup(self, reloader: Reloader) -> None:
        """From now on SIGHUP reloads."""
        self._loop.add_signal_handler(signal.SIGHUP, reloader.hurry)


class App:
    """One proxy: every part, built once."""

    def __init__(
        self, options: ServeOptions, loader: Loader, loaded: Loaded, queue: OfflineQueue, log: Log
    ) -> None:
        clock, rng, loop = LiveClock(), random.Random(options.seed), asyncio.get_running_loop()
        self._options = options
        self._log = log
        self._loop = loop
        timers = Wheel(
            now=clock.now, alarm=loop.call_later, report=lambda e: log.error("timer_broke", error=repr(e))
        )
        self._clusters = {
            "http": HttpCluster(loop=loop, clock=clock, limits=options.client),
            "hsf": HttpCluster(loop=loop, clock=clock, limits=options.client, gateway=True),
        }
        builder = SnapshotBuilder(clock=clock, timers=timers, rng=rng, clusters=self._clusters)
        meters = Meters()
        snapshot = builder.build(loaded.table, loaded.labeling, None)
        pipeline = Pipeline(snapshot=snapshot, queue=queue, clock=clock, meters=meters, log=log)
        self._pipeline = pipeline
        self._service = Service(
            pipeline=pipeline,
            queue=queue,
            clock=clock,
            rng=rng,
            meters=meters,
            log=log,
            version=version("penstock"),
        )
        self._server = HttpServer(service=self._service, limits=options.edge, clock=clock, meters=meters)
        self._drain = Drain(
            queue=queue,
            send=pipeline.take,
            clock=clock,
            rng=rng,
            log=log,
            limits=options.drain,
            pressure=pipeline.pressed,
            served=lambda application: meters.attempts[application, "ok"],
        )
        self.reloader = Reloader(
            path=options.table,
            load=loader.load,
            builder=builder,
            pipeline=pipeline,
            swapped=self._retain,
            log=log,
        )
        operations = Operations(
            pipeline=pipeline,
            queue=queue,
            reloader=self.reloader,
            meters=meters,
            clock=clock,
            validate=lambda data: loader.load(options.table, data),
            accepting=lambda: not self._service.draining,
        )
        self._admin = AdminServer(operations, log)
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> tuple[Address, Address]:
        """Begin to serve; the addresses really bound, data side and admin side."""
        admin = await self._admin.start(*self._options.admin)
        listen = await self._server.start(*self._options.listen)
        self._drain.start()
        self.reloader.start()
        self._sweep()
        return listen, admin

    def hurry(self) -> None:
        """Cut a stop that has begun short."""
        self._server.hurry()

    async def stop(self) -> int:
        """Requests first, then tickets, then all that served them; how many requests were cut off."""
        cut_off = await self._server.drain(self._options.drain_s)
        await self._drain.stop()
        await self.reloader.stop()
        await self._admin.stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for cluster in self._clusters.values():
            cluster.close()
        return cut_off

    def _retain(self, loaded: Loaded) -> None:
        """A new table is in service: pools of endpoints that it does not name may go."""
        urls = {url for each in loaded.table.applications.values() for url in each.endpoints}
        for cluster in self._clusters.values():
            cluster.retain(urls)

    def _sweep(self) -> None:
        for cluster in self._clusters.values():
            cluster.sweep()
        self._pipeline.sweep()
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)


def _settle_memory() -> None:
    """What was built at the start stays: the collector need not look through it at every turn."""
    "localhost".encode("idna")  # imports what the first connection to a model server would wait for
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()


def _shown(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
