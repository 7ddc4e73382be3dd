"""gRPC's listening socket: starts and drains."""

import grpc

from workers.front.limits import FrontLimits
from workers.pool import Pool
from workers.regions.regions import Regions
from workers.rpc.service import Rpc

HEADROOM_BYTES = 1024 * 1024  # of a message beside its tensors


class RpcServer:
    """`start`, then `drain`."""

    def __init__(self, pool: Pool, regions: Regions, limits: FrontLimits, name: str) -> None:
        self._pool = pool
        self._regions = regions
        self._limits = limits
        self._name = name
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str, *, shared: bool = False) -> int:
        """Accept calls from now on; the port really bound. `shared` as in `sockets.listen`.

        Raises OSError if the address cannot be had.
        """
        bytes_max = self._limits.body_bytes_max + HEADROOM_BYTES
        server = grpc.aio.server(
            handlers=(Rpc(self._pool, self._regions, self._name).handler(),),
            options=(
                ("grpc.max_receive_message_length", bytes_max),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", int(shared)),
            ),
        )
        self._server = server
        try:
            port: int = server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"{address}: {error}") from error
        await server.start()
        return port

    async def drain(self) -> None:
        """Take no more calls, let what runs end, for `grace_s_max` at most."""
        if self._server is not None:
            await self._server.stop(self._limits.grace_s_max)
