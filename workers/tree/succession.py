"""Which predictor serves which models: a new one is loaded beside the old, and then all change over at once.

What cannot be loaded changes nothing. A model that is replaced gets a new number, so that no answer of the
one is taken for an answer of the other.
"""

import asyncio
from collections.abc import Callable
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
    """One change at a time."""

    def __init__(
        self, root: Path, device: Device, family: Family, roster: Roster, seats: tuple[int, int]
    ) -> None:
        self._root = root
        self._device = device
        self._family = family
        self._roster = roster
        self._seats = seats
        self._lock = asyncio.Lock()
        self._tasks: dict[Keeper, asyncio.Task[None]] = {}
        self._current: tuple[int, ...] = ()
        self._active: Keeper | None = None
        self._loaded = False

    async def first(self, entries: tuple[Entry, ...]) -> None:
        """Load the first models; those that are there serve while others load. Raises Unusable."""
        known = self._roster.add(entries)
        self._family.introduce(known)
        self._current = tuple(each.number for each in known)
        self._active = self._start(self._current, self._seats[0])
        self._serve()
        await self._wait_loaded(self._active, self._current, LIVES_MAX)
        self._loaded = True
        self._serve()

    async def load(self, name: str, override: dict[str, Any] | None = None) -> None:
        """Load a model, or load it anew, with all its versions. Raises Unusable."""
        async with self._lock:
            try:
                entries = await asyncio.to_thread(read_repository, self._root, (name,), self._device)
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
            if self._active is not None:
                self._family.loads[self._active] = self._here(self._current)
                self._active.send(Release(gone))
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
            taken = old.number if old is not None else None
            fresh = self._start(wanted, next(seat for seat in self._seats if seat != taken))
        try:
            await self._wait_loaded(fresh, wanted, 1)
        except BaseException:
            if fresh is not None and fresh is not old:
                await self._end(fresh)
            raise
        self._current, self._active = wanted, fresh
        self._serve()
        if old is not None and old is not fresh:
            await self._family.idle(old.number, RETIRE_S_MAX)
            await self._end(old)
        self._forget(gone)

    def _start(self, numbers: tuple[int, ...], seat: int) -> Keeper | None:
        here = self._here(numbers)
        if not here:
            return None
        keeper = Keeper(PREDICTOR, seat, self._family)
        self._family.loads[keeper] = here
        self._family.predictors.append(keeper)
        self._tasks[keeper] = asyncio.create_task(keeper.keep())
        return keeper

    async def _end(self, keeper: Keeper) -> None:
        await keeper.finish(Finish())
        await self._tasks.pop(keeper)
        self._family.predictors.remove(keeper)
        del self._family.loads[keeper]

    async def _wait_loaded(self, keeper: Keeper | None, numbers: tuple[int, ...], lives: int) -> None:
        family = self._family
        fronts = {number for number in numbers if self._roster.known[number].front}
        here = set(self._here(numbers))

        def failed() -> str:
            for each in (*family.fronts, *((keeper,) if keeper else ())):
                if each in family.failures:
                    return family.failures[each]
            if keeper is not None and (
                keeper.lives > lives or (keeper.lives == lives and keeper.child is None)
            ):
                return "the predictor died while it loaded"
            return ""

        def done() -> bool:
            loaded = all(front.loaded >= fronts and front.listens for front in family.fronts)
            return loaded and (keeper is None or keeper.loaded >= here)

        await family.watch.until(lambda: bool(failed()) or done())
        if not done():
            raise Unusable(failed())

    def _serve(self) -> None:
        at: Callable[[int], Keeper | None] = lambda number: (  # noqa: E731
            None if self._roster.known[number].front else self._active
        )
        self._family.serve({number: at(number) for number in self._current}, loaded=self._loaded)

    def _here(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """Those that a predictor holds."""
        return tuple(number for number in numbers if not self._roster.known[number].front)

    def _of(self, name: str) -> tuple[int, ...]:
        return tuple(number for number in self._current if self._roster.known[number].entry.name == name)

    def _forget(self, numbers: tuple[int, ...]) -> None:
        self._roster.remove(numbers)
        for number in numbers:
            self._family.known.pop(number, None)
