"""Which predictors serve which models: new ones are loaded beside the old, and then all change over at once.

Each device has a predictor with all models, but for those that are given a device of their own.

What cannot be loaded changes nothing. A model that is replaced gets a new number, so that no answer of the
one is taken for an answer of the other.
"""

import asyncio
from pathlib import Path
from typing import Any

from workers.device import Device
from workers.entry import Entry
from workers.errors import BadRepository, Unusable
from workers.front.override import overridden
from workers.repository import read_repository
from workers.tree.family import PREDICTOR, Family
from workers.tree.keeper import Keeper
from workers.tree.messages import Finish, Known, Release
from workers.tree.roster import Roster

LIVES_MAX = 3  # of a predictor that dies while it loads, before that counts as the models' fault
RETIRE_S_MAX = 150.0  # for requests at a predictor that is replaced: longer than any may take


class Succession:
    """One change at a time. From `seat` on there are two for each device: one serves, one loads."""

    def __init__(
        self, root: Path, devices: tuple[Device, ...], family: Family, roster: Roster, seat: int
    ) -> None:
        self._root = root
        self._devices = devices
        self._family = family
        self._roster = roster
        self._seat = seat
        self._lock = asyncio.Lock()
        self._tasks: dict[Keeper, asyncio.Task[None]] = {}
        self._current: tuple[int, ...] = ()
        self._active: tuple[Keeper, ...] = ()
        self._loaded = False

    async def first(self, entries: tuple[Entry, ...]) -> None:
        """Load the first models; those that are there serve while others load. Raises Unusable."""
        known = self._roster.add(entries)
        self._family.introduce(known)
        self._current = tuple(each.number for each in known)
        self._active = self._start(self._current)
        self._serve()
        await self._wait_loaded(self._active, self._current, LIVES_MAX)
        self._loaded = True
        self._serve()

    async def load(self, name: str, override: dict[str, Any] | None = None) -> None:
        """Load a model, or load it anew, with all its versions. Raises Unusable."""
        async with self._lock:
            try:
                entries = await asyncio.to_thread(read_repository, self._root, (name,), self._devices[0])
            except BadRepository as error:
                words = "; ".join(error.problems)
                raise Unusable(
                    f"failed to load '{name}', failed to poll from model repository: {words}"
                ) from error
            entries = tuple(overridden(entry, override or {}) for entry in entries)
            known = self._roster.add(entries)
            self._family.introduce(known)
            added = tuple(each.number for each in known)
            wanted = (*(number for number in self._current if number not in self._of(name)), *added)
            try:
                await self._succeed(wanted, known)
            except BaseException:
                self._forget(added)
                raise

    async def unload(self, name: str) -> None:
        """Let a model go, with all its versions. Raises Unusable if there is none."""
        async with self._lock:
            gone = self._of(name)
            if not gone:
                raise Unusable(f"there is no model '{name}'")
            self._current = tuple(number for number in self._current if number not in gone)
            self._serve()
            for keeper in self._active:
                self._family.loads[keeper] = self._here(self._current, self._place(keeper))
                keeper.send(Release(gone))
            self._forget(gone)

    async def end(self) -> None:
        """End all predictors."""
        keepers = tuple(self._tasks)
        await asyncio.gather(*(self._end(keeper) for keeper in keepers))

    async def _succeed(self, wanted: tuple[int, ...], added: list[Known]) -> None:
        """Change over to `wanted`, in a fresh process if there is something to load."""
        old, gone = self._active, tuple(number for number in self._current if number not in wanted)
        fresh = old
        if any(not known.front for known in added):
            fresh = self._start(wanted)
        left = tuple(keeper for keeper in old if keeper not in fresh)
        try:
            await self._wait_loaded(fresh, wanted, 1)
        except BaseException:
            await asyncio.gather(*(self._end(keeper) for keeper in fresh if keeper not in old))
            raise
        self._current, self._active = wanted, fresh
        self._serve()
        await asyncio.gather(*(self._retire(keeper) for keeper in left))
        self._forget(gone)

    async def _retire(self, keeper: Keeper) -> None:
        await self._family.idle(keeper.number, RETIRE_S_MAX)
        await self._end(keeper)

    def _start(self, numbers: tuple[int, ...]) -> tuple[Keeper, ...]:
        """A predictor for each device that has any of these models, each at a seat that is free."""
        taken = {keeper.number for keeper in self._active}
        started = []
        for place in range(len(self._devices)):
            here = self._here(numbers, place)
            if not here:
                continue
            first = self._seat + 2 * place
            keeper = Keeper(PREDICTOR, first + 1 if first in taken else first, self._family)
            self._family.loads[keeper] = here
            self._family.predictors.append(keeper)
            self._tasks[keeper] = asyncio.create_task(keeper.keep())
            started.append(keeper)
        return tuple(started)

    async def _end(self, keeper: Keeper) -> None:
        await keeper.finish(Finish())
        await self._tasks.pop(keeper)
        self._family.predictors.remove(keeper)
        del self._family.loads[keeper]

    async def _wait_loaded(self, keepers: tuple[Keeper, ...], numbers: tuple[int, ...], lives: int) -> None:
        family = self._family
        fronts = {number for number in numbers if self._roster.known[number].front}
        here = {keeper: set(self._here(numbers, self._place(keeper))) for keeper in keepers}

        def failed() -> str:
            for each in (*family.fronts, *keepers):
                if each in family.failures:
                    return family.failures[each]
            if any(
                keeper.lives > lives or (keeper.lives == lives and keeper.child is None) for keeper in keepers
            ):
                return "the predictor died while it loaded"
            return ""

        def done() -> bool:
            loaded = all(front.loaded >= fronts and front.listens for front in family.fronts)
            return loaded and all(keeper.loaded >= wanted for keeper, wanted in here.items())

        await family.watch.until(lambda: bool(failed()) or done())
        if not done():
            raise Unusable(failed())

    def _serve(self) -> None:
        at = {
            number: tuple(keeper for keeper in self._active if self._here((number,), self._place(keeper)))
            for number in self._current
        }
        self._family.serve(at, loaded=self._loaded)

    def _place(self, keeper: Keeper) -> int:
        """Of its device in the row of devices."""
        return (keeper.number - self._seat) // 2

    def _here(self, numbers: tuple[int, ...], place: int) -> tuple[int, ...]:
        """Those that the predictor of a device holds. The first has those whose device no predictor has."""
        found = []
        for number in numbers:
            known = self._roster.known[number]
            own = known.entry.device
            strange = place == 0 and own not in self._devices
            if not known.front and (own is None or own == self._devices[place] or strange):
                found.append(number)
        return tuple(found)

    def _of(self, name: str) -> tuple[int, ...]:
        return tuple(number for number in self._current if self._roster.known[number].entry.name == name)

    def _forget(self, numbers: tuple[int, ...]) -> None:
        self._roster.remove(numbers)
        for number in numbers:
            self._family.known.pop(number, None)
