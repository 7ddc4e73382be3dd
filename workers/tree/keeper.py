"""The keeper of one process of the tree: starts it, and starts it again when it has ended unasked."""

import asyncio
from time import monotonic
from typing import Any, Protocol

from workers.tree.backoff import Backoff
from workers.tree.child import Child

END_S_MAX = 3.0  # for a process that was told to end, and whose requests have ended


class Family(Protocol):
    """What a keeper tells of its process."""

    async def cleared(self, keeper: "Keeper") -> None:
        """Wait until nobody uses what is left of the process that was there before."""

    def began(self, keeper: "Keeper") -> None:
        """It was started: it must be told how to begin."""

    def heard(self, keeper: "Keeper", message: Any) -> None:
        """It said something."""

    def lost(self, keeper: "Keeper", status: int) -> None:
        """It has ended."""


class Keeper:
    """One place in the tree. `role` is the module that runs there; `number` tells it from its like."""

    def __init__(self, role: str, number: int, family: Family) -> None:
        self.role = role
        self.number = number
        self.child: Child | None = None
        self.lives = 0
        self.loaded: set[int] = set()  # models that are proved there
        self.listens = False
        self.hung = ""  # why its last life was ended, if for that
        self._family = family
        self._backoff = Backoff()
        self._stopping = asyncio.Event()

    async def keep(self) -> None:
        """Until `finish`, or `stop` and the process's own end."""
        while True:
            await self._family.cleared(self)
            if self._stopping.is_set():
                return
            self.lives += 1
            child = self.child = Child(self.role, self._hear)
            self._family.began(self)
            status = await child.ended()
            self.child, self.hung = None, child.hung
            self.loaded.clear()
            self.listens = False
            self._family.lost(self, status)
            delay_s = self._backoff.after(monotonic() - child.began_s)
            if await self._stops_within(delay_s):
                return

    @property
    def stops(self) -> bool:
        """Whether its end is wanted."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """From now on it is not started again."""
        self._stopping.set()

    def send(self, message: object, *descriptors: int) -> None:
        """Tell the process, if there is one."""
        if self.child is not None:
            self.child.channel.send(message, *descriptors)

    async def finish(self, message: object, within_s: float = END_S_MAX) -> None:
        """Tell the process to end, and wait; one that does not is killed."""
        self.stop()
        child = self.child
        if child is None:
            return
        child.channel.send(message)
        try:
            await asyncio.wait_for(child.ended(), within_s)
        except TimeoutError:
            child.kill()
            await child.ended()

    def _hear(self, message: Any) -> None:
        self._family.heard(self, message)

    async def _stops_within(self, delay_s: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), delay_s)
        except TimeoutError:
            return False
        return True
