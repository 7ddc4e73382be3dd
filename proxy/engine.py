"""The engine: what every process that calls model servers has, built once: clients, gates, pipeline, meters.

Decides nothing. Takes no requests of its own accord: the data side, the drain, or both send them through
`pipeline`.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from proxy.batch import Batch
from proxy.checkups import Checkups
from proxy.clusters.http import HttpCluster
from proxy.clusters.limits import ClientLimits
from proxy.guarding import Guarding
from proxy.loading import Loaded
from proxy.observe.meters import Meters
from proxy.observe.tracing import OFF, SampledTraces, TraceOptions
from proxy.pipeline import Pipeline, Pressing
from proxy.ports import NO_TRACES, Clock, Log, OfflineQueue, Rng, Tracer
from proxy.qos.budget import Spending
from proxy.qos.permits import PermitsOf, own_permits
from proxy.recording.tape import Tape
from proxy.snapshot import SnapshotBuilder
from proxy.timers import Wheel

if TYPE_CHECKING:
    from proxy.observe.exporting import Exporter

SWEEP_S = 5.0
"""How often idle connections to model servers are looked through, and the ends of log bursts."""


class Engine:
    """`start`, then `stop`. The first snapshot has this `generation`, or 1."""

    def __init__(
        self,
        *,
        loaded: Loaded,
        queue: OfflineQueue,
        client: ClientLimits,
        clock: Clock,
        rng: Rng,
        log: Log,
        meters: Meters,
        permits_of: PermitsOf = own_permits,
        budget: Spending | None = None,
        pressure: Pressing | None = None,
        generation: int | None = None,
        traces: TraceOptions,
    ) -> None:
        """Raises FileUnusable where traces cannot be written."""
        self._loop = loop = asyncio.get_running_loop()
        self.batch = Batch(loop.call_soon, lambda e: log.error("connection_broke", error=repr(e)))
        timers = Wheel(
            now=clock.now,
            alarm=loop.call_later,
            report=lambda e: log.error("timer_broke", error=repr(e)),
            first=self.batch.handle,
        )
        self._clusters = {
            "http": HttpCluster(loop=loop, clock=clock, limits=client, batch=self.batch),
            "hsf": HttpCluster(loop=loop, clock=clock, limits=client, gateway=True, batch=self.batch),
        }
        self.builder = SnapshotBuilder(
            clock=clock,
            timers=timers,
            rng=rng,
            clusters=self._clusters,
            permits_of=permits_of,
            budget=budget,
        )
        self._checkups = Checkups(clusters=self._clusters, clock=clock, timers=timers, rng=rng, log=log)
        self.meters = meters
        self._exporter: Exporter | None = None
        snapshot = self.builder.build(loaded.table, loaded.labeling, None, generation)
        self.pipeline = Pipeline(
            snapshot=snapshot,
            queue=queue,
            clock=clock,
            meters=meters,
            log=log,
            pressure=pressure,
            tracer=self._tracer(traces, clock, rng, log),
        )
        self.tape = Tape(self.pipeline, clock=clock, alarm=loop.call_later, endpoints_of=self._endpoints_of)
        self._sweeper: asyncio.TimerHandle | None = None
        self._clock, self._log = clock, log
        self._guarding: Guarding | None = None

    def start(self, held_share: Callable[[], float] | None = None) -> None:
        """Begin to sweep, to check, and where callers hold memory (`held_share`) to look after itself."""
        self._sweep()
        self._checkups.follow(self.pipeline.snapshot.gates)
        if held_share is not None:
            self._guarding = Guarding(
                pipeline=self.pipeline,
                clock=self._clock,
                alarm=self._loop.call_later,
                held_share=held_share,
                log=self._log,
            )
            self._guarding.beat()

    def retain(self, loaded: Loaded) -> None:
        """A new table is in service: pools and checks of endpoints that it does not name may go."""
        urls = {url for each in loaded.table.applications.values() for url in each.endpoints}
        for cluster in self._clusters.values():
            cluster.retain(urls)
        self._checkups.follow(self.pipeline.snapshot.gates)

    async def stop(self) -> None:
        """Close every connection to a model server, hand in what was recorded, and export what waits."""
        self.tape.stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._guarding is not None:
            self._guarding.stop()
        self._checkups.stop()
        for cluster in self._clusters.values():
            cluster.close()
        if self._exporter is not None:
            await self._exporter.close()

    def _endpoints_of(self, application: str) -> Sequence[str]:
        gate = self.pipeline.snapshot.gates.get(application)
        return () if gate is None else gate.application.endpoints

    def _tracer(self, traces: TraceOptions, clock: Clock, rng: Rng, log: Log) -> Tracer:
        if traces.to == OFF:
            return NO_TRACES
        from proxy.observe.exporting import Exporter  # noqa: PLC0415 - heavy, and most proxies trace nothing

        meters = self.meters
        self._exporter = exporter = Exporter(traces, dropped=meters.spans_dropped, log=log)
        return SampledTraces(traces, clock=clock, rng=rng, counts=meters.traces, sink=exporter.put)

    def _sweep(self) -> None:
        for cluster in self._clusters.values():
            cluster.sweep()
        self.pipeline.sweep()
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
