"""The office: what a proxy has once, however many processes serve callers: drain, watched files, admin side.

Puts parts together; decides nothing.
"""

from collections.abc import Callable

from proxy.admin.census import Census, about
from proxy.admin.operations import Operations
from proxy.admin.server import AdminServer
from proxy.engine import Engine
from proxy.loading import Loaded, Loader
from proxy.offline.drain import Drain
from proxy.options import Address, ServeOptions
from proxy.ports import Clock, Log, OfflineQueue, Rng
from proxy.recording.desk import Desk, Processes
from proxy.reload import Load, Reloader
from proxy.renewal import Renewal


class Office:
    """`start`, then `stop`.

    `load` turns a table's text into what is served, `swapped` is told of each new table in service,
    `served` counts the answers that an application gave to anybody.
    """

    def __init__(
        self,
        *,
        options: ServeOptions,
        engine: Engine,
        loader: Loader,
        queue: OfflineQueue,
        clock: Clock,
        rng: Rng,
        log: Log,
        load: Load,
        swapped: Callable[[Loaded], None],
        served: Callable[[str], int],
        accepting: Callable[[], bool],
        census: Census,
        renewal: Renewal | None,
        processes: Processes,
    ) -> None:
        self._renewal = renewal
        self._address = options.admin
        pipeline = engine.pipeline
        self._drain = Drain(
            queue=queue,
            send=pipeline.take,
            clock=clock,
            rng=rng,
            log=log,
            limits=options.drain,
            pressure=pipeline.pressed,
            served=served,
        )
        self.reloader = Reloader(
            path=options.table, load=load, builder=engine.builder, pipeline=pipeline, swapped=swapped, log=log
        )
        operations = Operations(
            pipeline=pipeline,
            queue=queue,
            reloader=self.reloader,
            census=census,
            validate=lambda data: loader.load(options.table, data),
            accepting=accepting,
        )
        self.desk = Desk(
            processes,
            about=lambda: about(pipeline.snapshot, options.processes),
            policy=options.bodies,
            clock=clock,
            log=log,
        )
        self._admin = AdminServer(operations, self.desk, log)

    async def open(self) -> Address:
        """Let operators in; the address really bound. Raises AddressInUse."""
        return await self._admin.start(*self._address)

    def start(self) -> None:
        """Callers are served from now on: send tickets, watch the files."""
        self._drain.start()
        self.reloader.start()
        if self._renewal is not None:
            self._renewal.start()

    def hurry(self) -> None:
        """Read again what is watched, now (SIGHUP)."""
        self.reloader.hurry()
        if self._renewal is not None:
            self._renewal.hurry()

    async def stop(self) -> None:
        """Give tickets back, then stop watching, then send operators away."""
        await self._drain.stop()
        await self.reloader.stop()
        if self._renewal is not None:
            await self._renewal.stop()
        self.desk.stop()
        await self._admin.stop()
