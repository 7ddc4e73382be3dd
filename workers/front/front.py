"""The front's sockets: accepts connections, sweeps overdue ones, drains at the end."""

import asyncio
import socket
from collections.abc import Sequence
from email.utils import formatdate
from time import monotonic

from workers.front.connection import Connection
from workers.front.limits import FrontLimits
from workers.front.service import Service
from workers.pool import Pool
from workers.regions.regions import Regions

SWEEP_S = 1.0
BACKLOG = 4_096
IDLE_GRACE_S = 0.1  # at the end: requests on their way over idle connections are still answered
LOOK_S = 0.02  # how often a drain looks which connections are done


class Front:
    """HTTP on listening sockets. `start`, then `drain`. Owns its sweep."""

    def __init__(self, pool: Pool, regions: Regions, limits: FrontLimits, name: str) -> None:
        self._pool = pool
        self._regions = regions
        self._limits = limits
        self._name = name
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Accept from now on; the sockets are the front's."""
        self._loop = asyncio.get_running_loop()
        self._service = Service(self._pool, self._regions, self._limits, self._name, self._loop)
        self._sweep()
        for each in sockets:
            server = await self._loop.create_server(self._connect, sock=each, backlog=BACKLOG)
            self._servers.append(server)

    async def drain(self) -> None:
        """Accept no more, let what runs end, for `grace_s_max` at most, then close everything."""
        self._service.draining = True
        for server in self._servers:
            server.close()
        end_s = monotonic() + self._limits.grace_s_max
        await asyncio.sleep(IDLE_GRACE_S)
        while self._service.connections and monotonic() < end_s:
            for connection in tuple(self._service.connections):
                if not connection.owing:
                    connection.close()
            await asyncio.sleep(LOOK_S)
        for connection in tuple(self._service.connections):
            connection.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._service.close()

    def _connect(self) -> Connection:
        return Connection(self._service)

    def _sweep(self) -> None:
        self._service.date = f"Date: {formatdate(usegmt=True)}\r\n".encode()
        now = monotonic()
        for connection in [each for each in self._service.connections if each.overdue(now)]:
            connection.time_out()
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
