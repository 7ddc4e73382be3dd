"""The regions that one front knows. Whether one may be registered the supervisor decides, for all fronts."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

from workers.errors import NotReady
from workers.oip.places import Place
from workers.regions.errors import BadRegion, NoRegion
from workers.regions.limits import RegionLimits
from workers.regions.memory import Memory
from workers.regions.region import Drop, Granted, Region, Share, Took, Wish

WISH_S_MAX: Final = 30.0  # for the supervisor's word, behind what others wish


class Regions:
    """`limits` None: shared memory is not offered. `tell` sends to the supervisor."""

    def __init__(self, limits: RegionLimits | None, tell: Callable[[Wish | Took], None]) -> None:
        self.offered = limits is not None
        self.limits = limits or RegionLimits()
        self._tell = tell
        self._memories: dict[str, Memory] = {}
        self._serials = itertools.count()
        self._wishes: dict[int, asyncio.Future[None]] = {}

    # -- callers ------------------------------------------------------------------------------------

    async def register(self, region: Region) -> None:
        """When this returns it holds in all fronts. Raises BadRegion, NotReady."""
        if not self.offered:
            raise BadRegion("shared memory is not offered here: the server's option is --shared-memory")
        limits = self.limits
        if not 0 < len(region.name.encode()) <= limits.name_bytes_max:
            raise BadRegion(f"a region's name has 1 to {limits.name_bytes_max} bytes")
        if not 0 < len(region.key.encode()) <= limits.key_bytes_max:
            raise BadRegion(f"a region's key has 1 to {limits.key_bytes_max} bytes")
        await self._wish(Wish(next(self._serials), region))

    async def unregister(self, name: str = "") -> None:
        """When this returns no request that begins uses it, in any front; without a name, none of all.

        One that is not there is no error, as Triton has it. Raises NotReady.
        """
        if self.offered and len(name.encode()) <= self.limits.name_bytes_max:
            await self._wish(Wish(next(self._serials), name=name))

    def status(self, name: str = "") -> list[Region]:
        """One, or all without a name. Raises NoRegion."""
        if not name:
            return [memory.region for memory in self._memories.values()]
        if name not in self._memories:
            raise NoRegion(f"Unable to find system shared memory region: '{name}'")
        return [self._memories[name].region]

    def find(self, place: Place) -> Memory:
        """The memory that a place is in. Raises BadRegion, NoRegion."""
        if not self.offered:
            raise BadRegion("shared memory is not offered here: the server's option is --shared-memory")
        memory = self._memories.get(place.region)
        if memory is None:
            raise NoRegion(f"Unable to find shared memory region: '{place.region}'")
        memory.check(place)
        return memory

    # -- the supervisor -----------------------------------------------------------------------------

    def take(self, message: Share | Drop | Granted, descriptors: list[int]) -> None:
        """What the supervisor says."""
        match message:
            case Share(serial, region):
                self._tell(Took(serial, self._share(region, descriptors)))
            case Drop(serial, name):
                if name:
                    self._memories.pop(name, None)
                else:
                    self._memories.clear()
                self._tell(Took(serial))
            case Granted(serial, error):
                future = self._wishes.get(serial)
                if future is None or future.done():
                    return
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

    def _share(self, region: Region, descriptors: list[int]) -> str:
        if not descriptors:  # the kernel had no number left to give to it
            return "a front has no file descriptor left"
        (file,) = descriptors
        self._memories[region.name] = Memory(region, file)
        return ""

    async def _wish(self, wish: Wish) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wishes[wish.serial] = future
        self._tell(wish)
        try:
            await asyncio.wait_for(future, WISH_S_MAX)
        except TimeoutError as error:
            raise NotReady("the server did not settle it in time") from error
        finally:
            del self._wishes[wish.serial]
