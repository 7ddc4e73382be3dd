"""A front's sockets: opened, served, and closed after the last request has its answer."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from workers.pool import Pool
from workers.server import Server

GRACE_S = 20.0  # for requests that run when the end is asked for


class CannotListen(Exception):
    """The address cannot be had: in words."""


async def serve_front(
    pool: Pool,
    *,
    listen: tuple[str, int],
    grpc: tuple[str, int] | None,
    stop: asyncio.Event,
    began: Callable[[], None],
) -> None:
    """Serve until `stop`, then let requests end. `began` is called once callers are accepted.

    Other fronts listen on the same address. Raises CannotListen.
    """
    del grpc
    runner = web.AppRunner(
        Server(pool).application(),
        access_log=None,
        auto_decompress=False,  # body.py unpacks, within a limit and with errors in words
        handler_cancellation=True,  # a caller that leaves frees its place in the queue
        shutdown_timeout=GRACE_S,
    )
    await runner.setup()
    try:
        host, port = listen
        site = web.TCPSite(runner, host, port, reuse_address=True, reuse_port=True)
        try:
            await site.start()
        except OSError as error:
            raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from error
        began()
        await stop.wait()
    finally:
        await runner.cleanup()
