"""Waiting in one event loop until something has come to be, whoever brought it about."""

import asyncio
from collections.abc import Callable


class Watch:
    """Conditions that are looked at whenever `look` is called."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def until(self, holds: Callable[[], bool], within_s: float | None = None) -> bool:
        """Wait until `holds`; whether it came to that in time."""
        if holds():
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = holds, future
        self._waiting.append(waiting)
        try:
            await asyncio.wait_for(future, within_s)
        except TimeoutError:
            return False
        finally:
            self._waiting.remove(waiting)
        return True

    def look(self) -> None:
        """Something has changed."""
        for holds, future in self._waiting:
            if not future.done() and holds():
                future.set_result(None)
