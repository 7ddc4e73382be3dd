"""A whole front: HTTP and, where an address is given, gRPC, over one pool and in one process."""

import asyncio
import socket
from collections.abc import Sequence

from workers.front.front import Front
from workers.front.limits import FrontLimits
from workers.front.port import Pool
from workers.rpc.server import RpcServer


class Faces:
    """`start`, then `drain`.

    `grpc` is HOST:PORT or empty; `shared`: other processes listen on the same address.
    """

    def __init__(self, pool: Pool, limits: FrontLimits) -> None:
        self._http = Front(pool, limits)
        self._rpc = RpcServer(pool, limits)
        self.grpc_port = 0  # 0: gRPC is not spoken

    async def start(self, sockets: Sequence[socket.socket], grpc: str = "", *, shared: bool = False) -> None:
        """Accept from now on. Raises OSError if gRPC's address cannot be had."""
        if grpc:
            self.grpc_port = await self._rpc.start(grpc, shared=shared)
        await self._http.start(sockets)

    async def drain(self) -> None:
        """Accept no more, and let what runs end, for a while."""
        if self.grpc_port:
            await asyncio.gather(self._http.drain(), self._rpc.drain())
        else:
            await self._http.drain()


async def run_front(
    pool: Pool,
    sockets: Sequence[socket.socket],
    limits: FrontLimits,
    stop: asyncio.Event,
    grpc: str = "",
    *,
    shared: bool = False,
) -> None:
    """Answer until `stop`, then drain. Each of several processes may do this, on shared addresses."""
    faces = Faces(pool, limits)
    await faces.start(sockets, grpc, shared=shared)
    try:
        await stop.wait()
    finally:
        await faces.drain()
