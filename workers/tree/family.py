"""The processes of a tree and what each must know of the others: who is there, who has gone, who serves what.

It decides nothing about models; which predictor serves which is `succession.py`. A worker's seat is free
again only when every front has said that it uses nothing there any more.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any

from workers.regions.region import Took, Wish
from workers.tree.estate import make_estate
from workers.tree.keeper import Keeper
from workers.tree.ledger import Ledger
from workers.tree.messages import (
    Asked,
    Attach,
    Began,
    Begin,
    Cleared,
    Detach,
    Failed,
    Idle,
    Known,
    Load,
    Loaded,
    Retire,
    Seated,
    Serving,
    Vacated,
)
from workers.tree.registrar import Registrar
from workers.tree.watch import Watch

CLEARED_S_MAX = 5.0  # a front that has not let go of a dead worker by then is dead itself, and is killed

RELOAD_S = 3.0  # until a model that a new predictor could not load is tried again

FRONT, STAGE, PREDICTOR = "front", "stage", "predictor"


class Family:
    """All processes. `begin` makes what a process is told first; `told` gets what callers ask for."""

    def __init__(
        self,
        begin: Callable[[Keeper], Begin],
        ledger: tuple[int, Ledger],
        tell: Callable[[str], None],
        asked: Callable[[Keeper, Asked], None],
    ) -> None:
        self.fronts: list[Keeper] = []
        self.stages: list[Keeper] = []
        self.predictors: list[Keeper] = []  # `number` is the seat
        self.known: dict[int, Known] = {}
        self.loads: dict[Keeper, tuple[int, ...]] = {}  # what a predictor holds
        self.failures: dict[Keeper, str] = {}  # why one could not, in its present life
        self.serving = Serving({}, loaded=False)
        self.watch = Watch()
        self.registrar = Registrar(lambda: self._living(self.fronts))
        self._begin = begin
        self._ledger_file, self._ledger = ledger
        self._tell = tell
        self._asked = asked
        self._estates: dict[Keeper, int] = {}
        self._clearing: dict[int, set[Keeper]] = {}
        self._idling: dict[int, set[Keeper]] = {}
        self._places: dict[int, tuple[Keeper, ...]] = {}
        self._loaded = False

    # -- one process --------------------------------------------------------------------------------

    async def cleared(self, keeper: Keeper) -> None:
        """Wait until nobody uses what is left of the process that was there before."""
        if keeper.role == FRONT:
            return
        while not await self.watch.until(lambda: not self._clearing.get(keeper.number), CLEARED_S_MAX):
            for front in self._clearing[keeper.number]:
                if front.child is not None:
                    front.child.kill()

    def began(self, keeper: Keeper) -> None:
        """Tell a process how to begin, and the others that it is there."""
        child = keeper.child
        assert child is not None, "it has just been started"
        self.failures.pop(keeper, None)
        descriptors = [self._ledger_file, child.bell, child.pulse]
        if keeper.role == FRONT:
            self._estates[keeper] = make_estate(self._begin(keeper).plan)
            descriptors.append(self._estates[keeper])
        keeper.send(self._begin(keeper), *descriptors)
        for known in self.known.values():
            keeper.send(known)
        if keeper.role == FRONT:
            for worker in self._living(self._workers()):
                self._connect(keeper, worker)
            self.registrar.began(keeper)
            keeper.send(self.serving)  # the last: it accepts callers from then on
            return
        for front in self._living(self.fronts):
            self._connect(front, keeper)
        if keeper in self.loads:
            keeper.send(Load(self.loads[keeper]))

    def heard(self, keeper: Keeper, message: Any) -> None:
        """A process said something."""
        match message:
            case Loaded(number, line):
                keeper.loaded.add(number)
                self._tell(line)
                self.publish()
            case Failed(number, words):
                self.failures[keeper] = words
                self._tell(words)
                if self._loaded:
                    asyncio.get_running_loop().call_later(RELOAD_S, self._load_again, keeper, number)
            case Began():
                keeper.listens = True
            case Cleared(seat):
                self._clearing.get(seat, set()).discard(keeper)
            case Idle(seat):
                self._idling.get(seat, set()).discard(keeper)
            case Asked():
                self._asked(keeper, message)
            case Wish() | Took():
                self.registrar.heard(keeper, message)
        self.watch.look()

    def _load_again(self, keeper: Keeper, number: int) -> None:
        """A model that was there before could not be loaded: whatever it lacks may be there now."""
        if number in self.loads.get(keeper, ()) and number not in keeper.loaded:
            keeper.send(Load((number,)))

    def lost(self, keeper: Keeper, status: int) -> None:
        """A process has ended: nobody may wait for it."""
        if keeper.role == FRONT:
            os.close(self._estates.pop(keeper))
            self._ledger.clear_pending(keeper.number)
            self.registrar.lost(keeper)
            for worker in self._living(self._workers()):
                worker.send(Detach(keeper.number))
            for fronts in (*self._clearing.values(), *self._idling.values()):
                fronts.discard(keeper)
        else:
            self._clearing[keeper.number] = set(self._living(self.fronts))
            for front in self._living(self.fronts):
                front.send(Vacated(keeper.number))
            self.publish()
        if not keeper.stops:
            words = f"signal {-status}" if status < 0 else f"status {status}"
            words = f"{words}: {keeper.hung}" if keeper.hung else words
            self._tell(f"a process died ({keeper.role} {keeper.number}, {words}); starting another")
        self.watch.look()

    # -- all of them --------------------------------------------------------------------------------

    def introduce(self, known: Iterable[Known]) -> None:
        """Tell all of models that nobody serves yet."""
        for each in known:
            self.known[each.number] = each
            for keeper in self._living((*self.fronts, *self._workers())):
                keeper.send(each)

    def serve(self, places: dict[int, tuple[Keeper, ...]], *, loaded: bool) -> None:
        """From now on these models are there, each at its predictors."""
        self._places = places
        self._loaded = loaded
        self.publish()

    def publish(self) -> None:
        """Tell the fronts what runs where, if that is news."""
        seats = {
            number: tuple(keeper.number for keeper in keepers if number in keeper.loaded)
            for number, keepers in self._places.items()
        }
        serving = Serving(seats, loaded=self._loaded)
        if serving != self.serving:
            self.serving = serving
            for front in self._living(self.fronts):
                front.send(serving)

    async def idle(self, seat: int, within_s: float) -> bool:
        """Wait until no front has anything at a seat that serves nothing any more."""
        fronts = set(self._living(self.fronts))
        self._idling[seat] = fronts
        for front in fronts:
            front.send(Retire(seat))
        return await self.watch.until(lambda: not fronts, within_s)

    def _connect(self, front: Keeper, worker: Keeper) -> None:
        assert front.child is not None
        assert worker.child is not None
        front.send(Seated(worker.number, worker.role == STAGE), worker.child.bell)
        worker.send(Attach(front.number, worker.number), self._estates[front], front.child.bell)

    def _workers(self) -> list[Keeper]:
        return [*self.stages, *self.predictors]

    @staticmethod
    def _living(keepers: Iterable[Keeper]) -> list[Keeper]:
        return [keeper for keeper in keepers if keeper.child is not None]
