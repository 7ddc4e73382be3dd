"""The supervisor: starts the processes of one model server, keeps them, and ends them in order.

It holds no request and no model, so nothing of a caller's is lost with it; when it ends, all end. What is
shared is anonymous memory: whoever is killed, nothing is left behind.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from workers.device import Device, Ground
from workers.entry import Entry
from workers.errors import Unusable, WorkerError
from workers.front.options import FrontOptions
from workers.tree.address import Reservation
from workers.tree.estate import Plan
from workers.tree.family import FRONT, PREDICTOR, STAGE, Family
from workers.tree.keeper import Keeper
from workers.tree.ledger import Ledger, make_ledger
from workers.tree.messages import Asked, Begin, Finish, Told
from workers.tree.roster import Roster
from workers.tree.succession import Succession

GRACE_S = 25.0  # for requests that run when the end is asked for


class TreeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a tree is made of."""

    repository: Path
    fronts: int
    stages: int
    devices: tuple[Device, ...]  # each has a predictor
    front: FrontOptions = FrontOptions()


class Supervisor:
    """One server's life. `tell` gets lines for the operator."""

    def __init__(
        self,
        options: TreeOptions,
        reservation: Reservation,
        tell: Callable[[str], None],
        grpc: Reservation | None = None,
    ) -> None:
        self._options = options
        self._reservation = reservation
        self._grpc = grpc
        predictors = 2 * len(options.devices)  # one that serves, and one that is loaded beside it
        self._plan = Plan(seats=options.stages + predictors)
        self._columns = options.fronts + predictors
        self._ledger_file = make_ledger(self._columns)
        ledger = Ledger(self._ledger_file, columns=self._columns)
        self._tell = tell
        self._family = Family(self._begin, (self._ledger_file, ledger), tell, self._asked)
        self._succession = Succession(
            options.repository,
            options.devices,
            self._family,
            Roster(ledger, stages=options.stages > 0),
            options.stages,
        )
        self._family.fronts += [Keeper(FRONT, number, self._family) for number in range(options.fronts)]
        self._family.stages += [Keeper(STAGE, number, self._family) for number in range(options.stages)]
        self._changes: set[asyncio.Task[None]] = set()

    async def live(self, entries: tuple[Entry, ...], ready: Callable[[], None]) -> int:
        """Serve until SIGTERM or SIGINT; the exit status. `ready` is called when all models are there."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        keepers = (*self._family.fronts, *self._family.stages)
        tasks = [asyncio.create_task(keeper.keep()) for keeper in keepers]
        loading = asyncio.create_task(self._succession.first(entries))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                try:
                    await loading
                except Unusable as error:
                    self._tell(str(error))
                    return 1
                ready()
            await stopping
        finally:
            stopping.cancel()
            loading.cancel()
            await asyncio.gather(stopping, loading, return_exceptions=True)
            await self._end()
            await asyncio.gather(*tasks)
        return 0

    async def _end(self) -> None:
        """Fronts first, for they hold the callers."""
        for task in self._changes:
            task.cancel()
        await asyncio.gather(*self._changes, return_exceptions=True)
        await asyncio.gather(*(keeper.finish(Finish(), GRACE_S) for keeper in self._family.fronts))
        await asyncio.gather(*(keeper.finish(Finish()) for keeper in self._family.stages))
        await self._succession.end()
        await self._family.registrar.close()
        os.close(self._ledger_file)
        self._reservation.release()
        if self._grpc is not None:
            self._grpc.release()

    def _begin(self, keeper: Keeper) -> Begin:
        options = self._options
        place = column = 0  # of a stage, which counts nothing
        if keeper.role == FRONT:
            column = keeper.number
        elif keeper.role == PREDICTOR:
            place = (keeper.number - options.stages) // 2
            column = options.fronts + keeper.number - options.stages
        return Begin(
            plan=self._plan,
            columns=self._columns,
            column=column,
            ground=Ground(device=options.devices[place]),
            host=self._reservation.host,
            port=self._reservation.port,
            grpc_host=self._grpc.host if self._grpc is not None else "",
            grpc_port=self._grpc.port if self._grpc is not None else 0,
            options=options.front,
        )

    def _asked(self, keeper: Keeper, asked: Asked) -> None:
        task = asyncio.create_task(self._change(keeper, asked))
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def _change(self, keeper: Keeper, asked: Asked) -> None:
        try:
            if asked.load:
                await self._succession.load(asked.name, asked.override)
            else:
                await self._succession.unload(asked.name)
        except WorkerError as error:
            self._tell(f"{'load' if asked.load else 'unload'} {asked.name}: {error}")
            keeper.send(Told(asked.serial, str(error)))
        else:
            keeper.send(Told(asked.serial))
