"""A front's sockets: opened, served, and closed after the last request has its answer."""

import asyncio
import socket
from collections.abc import Callable

from workers.fetch.fetcher import Fetcher
from workers.front.front import Front
from workers.front.options import FrontOptions
from workers.front.sockets import listen as bind
from workers.pool import Pool
from workers.regions.regions import Regions
from workers.rpc.server import RpcServer
from workers.several.pool import SharingPool
from workers.tree.ledger import Ledger


class CannotListen(Exception):
    """The address cannot be had: in words."""


async def serve_front(
    pool: Pool,
    regions: Regions,
    options: FrontOptions,
    ledger: Ledger,
    *,
    listen: tuple[str, int],
    grpc: tuple[str, int] | None,
    stop: asyncio.Event,
    began: Callable[[], None],
) -> None:
    """Serve until `stop`, then let requests end. `began` is called once callers are accepted.

    Other fronts listen on the same address. Raises CannotListen.
    """
    async with Fetcher(options.fetching) as fetcher:
        shared = SharingPool(pool, options.sets, fetcher, ledger)
        http = Front(shared, regions, options.limits, options.name)
        rpc = RpcServer(shared, regions, options.limits, options.name)
        try:
            await http.start(_bound(*listen))
            if grpc is not None:
                await _listening(rpc, *grpc)
            began()
            await stop.wait()
        finally:
            await asyncio.gather(http.drain(), rpc.drain())


def _bound(host: str, port: int) -> list[socket.socket]:
    try:
        return bind(host, port, shared=True)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from error


async def _listening(rpc: RpcServer, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    try:
        await rpc.start(f"{shown}:{port}", shared=True)
    except OSError as error:
        raise CannotListen(f"cannot listen on {shown}:{port} for gRPC") from error
