"""The supervisor's side of regions: one word for all fronts.

It opens a region's object once, by its key, and gives the descriptor to every front, so that all have the
very same object, also a front that is started again when the name stands for another one, or for none. A wish
is granted when every living front acts by it. One wish at a time.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Protocol

from workers.errors import NotReady, WorkerError
from workers.regions.errors import BadRegion, RegionTaken
from workers.regions.limits import RegionLimits
from workers.regions.opening import FOLDER, open_region
from workers.regions.region import GREETING, Drop, Granted, Region, Share, Took, Wish
from workers.tree.watch import Watch

TOOK_S_MAX: Final = 10.0  # for a front that is being started while others serve


class Front(Protocol):
    """A front as its keeper holds it; `child` is its present life."""

    child: Any

    def send(self, message: object, *descriptors: int) -> None:
        """Tell it, if it lives."""


class Registrar:
    """All regions. `fronts` are those that live. Owns the tasks of wishes; `close` at the end."""

    def __init__(
        self,
        fronts: Callable[[], Iterable[Front]],
        limits: RegionLimits | None = None,
        folder: Path = FOLDER,
    ) -> None:
        self._fronts = fronts
        self._limits = limits or RegionLimits()
        self._folder = folder
        self._open: dict[str, tuple[Region, int]] = {}
        self._lock = asyncio.Lock()
        self._watch = Watch()
        self._serial = 0
        self._awaited: set[Front] = set()
        self._words = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def began(self, front: Front) -> None:
        """A front was started: what holds must hold there too, before it accepts callers."""
        for region, file in self._open.values():
            front.send(Share(GREETING, region), file)

    def lost(self, front: Front) -> None:
        """A front has died: nobody waits for it."""
        self._awaited.discard(front)
        self._watch.look()

    def heard(self, front: Front, message: Wish | Took) -> None:
        """A front said something."""
        if isinstance(message, Wish):
            task = asyncio.create_task(self._settle(front, message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif message.serial == self._serial:
            self._awaited.discard(front)
            self._words = self._words or message.words
            self._watch.look()

    async def close(self) -> None:
        """Let all regions go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._forget("")

    async def _settle(self, front: Front, wish: Wish) -> None:
        life = front.child
        error: WorkerError | None = None
        try:
            async with self._lock:
                if wish.region is None:
                    await self._unregister(wish.name)
                else:
                    await self._register(wish.region)
        except WorkerError as caught:
            error = caught
        if front.child is life:  # a later one has made no such wish
            front.send(Granted(wish.serial, error))

    async def _register(self, region: Region) -> None:
        if region.name in self._open:
            raise RegionTaken(f"shared memory region '{region.name}' already in manager")
        if len(self._open) >= self._limits.regions_max:
            raise BadRegion(f"this server holds {self._limits.regions_max} shared memory regions, its limit")
        held = sum(each.size for each, _ in self._open.values())
        if held + region.size > self._limits.bytes_max:
            raise BadRegion(
                f"shared memory regions may have {self._limits.bytes_max} bytes in all; {held} are registered"
            )
        file = open_region(region, self._folder)
        self._open[region.name] = region, file
        words = await self._tell(lambda serial: Share(serial, region), file)
        if words:
            await self._unregister(region.name)
            raise NotReady(words)

    async def _unregister(self, name: str) -> None:
        """Also one that is not there: somebody may still wait to hear that it has gone everywhere."""
        self._forget(name)
        words = await self._tell(lambda serial: Drop(serial, name))
        if words:
            raise NotReady(words)

    async def _tell(self, message: Callable[[int], object], *descriptors: int) -> str:
        """Tell all fronts, and wait until each acts by it; in words, if one does not."""
        self._serial += 1
        self._words = ""
        fronts = set(self._fronts())
        self._awaited = fronts
        for front in fronts:
            front.send(message(self._serial), *descriptors)
        if not await self._watch.until(lambda: not fronts, TOOK_S_MAX):
            return "a front did not answer in time"
        return self._words

    def _forget(self, name: str) -> None:
        for each in [name] if name else tuple(self._open):
            region, file = self._open.pop(each, (None, -1))
            if region is not None:
                os.close(file)
