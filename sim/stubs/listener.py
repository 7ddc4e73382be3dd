"""Accepts connections on one listening socket, from the very call that opens it to the one that closes it.

`loop.create_server` needs turns of the loop for both; a stub that dies and comes back within one turn
would then have two listeners, or one too few.
"""

import asyncio
import socket
from collections.abc import Callable

ACCEPTED_MAX = 64
"""Connections accepted in one turn of the loop."""


class Listener:
    """`listening` is a non-blocking listening socket; it belongs to the listener from now on."""

    def __init__(self, listening: socket.socket, connection: Callable[[], asyncio.Protocol]) -> None:
        self._listening = listening
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Accept no more; who waits to be accepted is reset by the kernel."""
        self._loop.remove_reader(self._listening)
        self._listening.close()

    async def settle(self) -> None:
        """Until every accepted connection has its protocol."""
        while self._opening:
            await asyncio.wait(self._opening)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_MAX):
            try:
                accepted, _peer = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            accepted.setblocking(False)
            opening = self._loop.create_task(self._open(accepted))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket) -> None:
        await self._loop.connect_accepted_socket(self._connection, accepted)
