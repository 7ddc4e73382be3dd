"""The client's connections to one address: a stack of idle ones, the warmest on top; opened as needed."""

import asyncio
from collections.abc import Callable

from sim.load.line import Desk, Line


class Lines:
    """`opened` is called with each new line, `refused` for each that could not be opened."""

    def __init__(
        self,
        desk: Desk,
        address: tuple[str, int],
        connections_max: int,
        opened: Callable[[Line], None],
        refused: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._host, self._port = address
        self._connections_max = connections_max
        self._opened = opened
        self._refused = refused
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._all: set[Line] = set()
        self.idle: list[Line] = []

    @property
    def opening(self) -> int:
        """How many are being opened."""
        return len(self._tasks)

    def want(self) -> bool:
        """Open one more; False where the limit is reached."""
        if len(self._all) + len(self._tasks) >= self._connections_max:
            return False
        task = self._loop.create_task(self._open())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def forget(self, line: Line) -> None:
        """It is gone."""
        self._all.discard(line)
        if line in self.idle:
            self.idle.remove(line)

    async def close(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for line in list(self._all):
            line.abort()
        await asyncio.sleep(0)  # their ends are told in the next turn

    async def _open(self) -> None:
        try:
            _, line = await self._loop.create_connection(lambda: Line(self._desk), self._host, self._port)
        except OSError:
            self._refused()
            return
        self._all.add(line)
        self._opened(line)
