"""A queue whose answers wait until a test gives them."""

import asyncio
from typing import Any

from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryQueue
from proxy.tickets import Put, Ticket
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.parcels import serial_ids


class HeldQueue(MemoryQueue):
    """Answers a put or a find when the test says so."""

    def __init__(self) -> None:
        super().__init__(clock=ManualClock(), limits=QueueLimits(), new_id=serial_ids())
        self.held: list[asyncio.Future[Any]] | None = None

    def _later(self, now: asyncio.Future[Any]) -> asyncio.Future[Any]:
        if self.held is None:
            return now
        self.held.append(asyncio.get_running_loop().create_future())
        return self.held[-1]

    def put(self, envelope: Any) -> asyncio.Future[Put]:
        return self._later(super().put(envelope))

    def find(self, ticket: str) -> asyncio.Future[Ticket | None]:
        return self._later(super().find(ticket))


async def until(holds: Any) -> None:
    """Give sockets their turns until something holds."""
    loop = asyncio.get_running_loop()
    for _ in range(1000):
        if holds():
            return
        await loop.run_in_executor(None, lambda: None)
    raise AssertionError("it never came true")
