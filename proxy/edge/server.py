"""The data side's listening sockets: accepts connections, sweeps overdue ones, drains at the end."""

import asyncio

from proxy.batch import Batch
from proxy.edge.connection import Connection, plain_reader
from proxy.edge.handshakes import Handshakes
from proxy.edge.hold import Hold
from proxy.edge.limits import EdgeLimits
from proxy.edge.service import Service
from proxy.edge.tls import TlsLayer
from proxy.errors import AddressInUse
from proxy.observe.meters import Meters
from proxy.ports import Clock

SWEEP_S = 1.0
BACKLOG = 4096

LOOK_S = 0.02
"""How often a drain looks which connections are done."""

IDLE_GRACE_S = 0.1
"""At a drain: requests that were on their way over idle connections are still answered."""


class HttpServer:
    """`start` for each address, then `drain`. Owns its sweep. Speaks TLS where it is told to, by `tls`."""

    def __init__(
        self,
        *,
        service: Service,
        limits: EdgeLimits,
        clock: Clock,
        meters: Meters,
        batch: Batch | None = None,
        tls: Handshakes | None = None,
    ) -> None:
        self._service = service
        self._limits = limits
        self._batch = batch
        self._hold = Hold(limits.held_bytes_max)
        self._plain = plain_reader(limits)
        self._clock = clock
        self._meters = meters
        self._tls = tls
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._hurried = False

    def held_share(self) -> float:
        """How much of the memory for bodies is taken, 0 to 1."""
        return self._hold.bytes / self._hold.bytes_max

    async def start(
        self, host: str, port: int, *, shared: bool = False, secured: bool = False
    ) -> tuple[str, int]:
        """Listen; the address really bound. Raises AddressInUse.

        `shared`: other processes of this proxy listen there too, and the kernel deals connections out.
        """
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                self._secured if secured else self._connection,
                host,
                port,
                backlog=BACKLOG,
                reuse_port=shared,
            )
        except OSError as error:
            raise AddressInUse.of(host, port, error) from error
        if not self._servers:
            self._sweep(loop)
        self._servers.append(server)
        bound: tuple[str, int] = server.sockets[0].getsockname()[:2]
        return bound

    async def drain(self, drain_s: float) -> int:
        """Stop accepting, let requests end for up to `drain_s`, close the rest; how many were cut off."""
        self._service.draining = True
        for server in self._servers:
            server.close()
        began = self._clock.now()
        while self._held() and not self._hurried and self._clock.now() - began < drain_s:
            await asyncio.sleep(LOOK_S)  # once in a life: simpler than an event on every connection
            if self._clock.now() - began >= IDLE_GRACE_S:
                self._close_idle()
        cut = sum(connection.owing for connection in self._connections)
        for connection in list(self._connections):
            connection.close()
        if self._tls is not None:
            self._tls.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        return cut

    def hurry(self) -> None:
        """Cut a drain short."""
        self._hurried = True

    def _held(self) -> int:
        """Connections, with those whose handshake is not done."""
        return len(self._connections) + (0 if self._tls is None else len(self._tls))

    def _close_idle(self) -> None:
        if self._tls is not None:
            self._tls.abort()
        for connection in list(self._connections):
            if connection.idle:
                connection.close()

    def _connection(self) -> Connection:
        return Connection(
            service=self._service,
            limits=self._limits,
            plain=self._plain,
            batch=self._batch,
            hold=self._hold,
            clock=self._clock,
            connections=self._connections,
        )

    def _secured(self) -> TlsLayer:
        assert self._tls is not None
        return self._tls.layer(self._connection(), lambda: self._held() < self._limits.connections_max)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._clock.now()
        for connection in [each for each in self._connections if each.overdue(now)]:
            connection.time_out()
        self._meters.held_bytes = self._hold.bytes
        if self._tls is not None:
            self._tls.sweep(now)
        self._meters.connections = self._held()
        self._sweeper = loop.call_later(SWEEP_S, self._sweep, loop)
