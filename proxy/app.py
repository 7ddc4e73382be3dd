"""The composition root: the only place that builds concrete parts and puts them together.

A proxy of several processes is put together in `family/`, of the same parts.
"""

import asyncio
import os
import random
from importlib.metadata import version

import uvloop

from proxy.admin.census import OwnCensus
from proxy.certificate import Certificate, context_of, read_certificate
from proxy.clock import LiveClock
from proxy.edge.handshakes import Handshakes
from proxy.edge.server import HttpServer
from proxy.edge.service import Service
from proxy.engine import Engine
from proxy.family.supervisor import Supervisor
from proxy.loading import Loaded, Loader, load_file
from proxy.observe.logs import open_log
from proxy.observe.meters import Meters
from proxy.office import Office
from proxy.offline.open import open_queue
from proxy.options import HTTPS, Address, ServeOptions
from proxy.ports import Log, OfflineQueue
from proxy.process import Signals, raise_descriptors, settle_memory
from proxy.recording.tape import OwnRecording
from proxy.renewal import Renewal
from proxy.watchdog import Watchdog


def serve(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT. Raises PenstockError for what the operator can mend."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options))


async def _serve(options: ServeOptions) -> None:
    raise_descriptors()
    log = open_log(options.log_level)
    signals = Signals(asyncio.get_running_loop())
    watchdog = Watchdog()
    watchdog.start()
    try:
        loader = Loader(environ=os.environ, clock=LiveClock(), log=log, watchdog=watchdog)
        loaded = load_file(loader, options.table)
        certificate = None if options.tls is None else read_certificate(options.tls)
        if certificate is not None:
            context_of(certificate)  # raises for what is wrong with it before anything is opened
        queue = await open_queue(options.queue, clock=LiveClock(), log=log)
        try:
            proxy = _proxy(options, loader, loaded, queue, log, certificate)
            await _live(proxy, options, signals, log)
        finally:
            await queue.close()
    finally:
        watchdog.stop()


def _proxy(
    options: ServeOptions,
    loader: Loader,
    loaded: Loaded,
    queue: OfflineQueue,
    log: Log,
    certificate: Certificate | None,
) -> "App | Supervisor":
    if options.processes == 1:
        return App(options, loader, loaded, queue, log, certificate)
    return Supervisor(
        options=options,
        loader=loader,
        loaded=loaded,
        queue=queue,
        log=log,
        clock=LiveClock(),
        rng=random.Random(options.seed),
        certificate=certificate,
    )


async def _live(proxy: "App | Supervisor", options: ServeOptions, signals: Signals, log: Log) -> None:
    try:
        bound = await proxy.start()
        signals.on_hangup(proxy.reread)
        signals.on_second(proxy.hurry)
        settle_memory()
        where = {**{side: _shown(address) for side, address in bound.items()}, "table": str(options.table)}
        print("penstock ready", *(f"{key}={value}" for key, value in where.items()), flush=True)  # noqa: T201
        log.info("ready", **where)
        await signals.ended.wait()
        log.info("draining", drain_s=options.drain_s)
    finally:
        log.info("ended", cut_off=await proxy.stop())


class App:
    """A proxy of one process: every part, built once."""

    def __init__(
        self,
        options: ServeOptions,
        loader: Loader,
        loaded: Loaded,
        queue: OfflineQueue,
        log: Log,
        certificate: Certificate | None = None,
    ) -> None:
        clock, rng, meters = LiveClock(), random.Random(options.seed), Meters()
        self._options = options
        self._engine = engine = Engine(
            loaded=loaded,
            queue=queue,
            client=options.client,
            clock=clock,
            rng=rng,
            log=log,
            meters=meters,
            traces=options.traces,
        )
        self._service = Service(
            pipeline=engine.pipeline,
            queue=queue,
            clock=clock,
            rng=rng,
            meters=meters,
            log=log,
            version=version("penstock"),
        )
        tls = renewal = None
        if certificate is not None:
            tls = Handshakes(context_of(certificate), limits=options.edge, clock=clock, log=log)
            renewal = Renewal(certificate, renewed=lambda _, context: tls.renew(context), log=log)
        self._server = HttpServer(
            service=self._service,
            limits=options.edge,
            clock=clock,
            meters=meters,
            tls=tls,
            batch=engine.batch,
        )
        self._office = Office(
            options=options,
            engine=engine,
            loader=loader,
            queue=queue,
            clock=clock,
            rng=rng,
            log=log,
            load=loader.load,
            swapped=engine.retain,
            served=lambda application: meters.attempts[application, "ok"],
            accepting=lambda: not self._service.draining,
            census=OwnCensus(pipeline=engine.pipeline, clock=clock),
            renewal=renewal,
            processes=OwnRecording(engine.tape, lambda batch: self._office.desk.hand_in(0, batch)),
        )
        self.reloader = self._office.reloader
        self.reread = self._office.hurry

    async def start(self) -> dict[str, Address]:
        """Begin to serve; the addresses really bound, by scheme, and the admin side's."""
        admin = await self._office.open()
        bound = {
            scheme: await self._server.start(*address, secured=scheme == HTTPS)
            for scheme, address in self._options.data_sides.items()
        }
        self._office.start()
        self._engine.start(self._server.held_share)
        return {**bound, "admin": admin}

    def hurry(self) -> None:
        """Cut a stop that has begun short."""
        self._server.hurry()

    async def stop(self) -> int:
        """Requests first, then tickets, then all that served them; how many requests were cut off."""
        cut_off = await self._server.drain(self._options.drain_s)
        await self._office.stop()
        await self._engine.stop()
        return cut_off


def _shown(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
