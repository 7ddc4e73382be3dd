"""An event loop whose time is moved, not waited for."""

import asyncio
import selectors
from typing import Any

STUCK_S = 20.0
"""Threads and sockets are waited for in real time, but no longer than this."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time jumps to the next timer as soon as nothing else is to be done.

    With `jumps` off it stands until `advance`: for code that has threads at work, which a jump would
    overtake.
    """

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.jumps = True
        super().__init__(JumpingSelector(self))

    def time(self) -> float:
        return self.time_s


class JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """In place of waiting for a timer, moves its loop's time."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        waits = timeout is None or (timeout > 0 and not self._loop.jumps)
        ready: list[Any] = super().select(STUCK_S if waits else 0)
        assert ready or not waits, "nothing will ever happen"
        if not ready and timeout is not None and timeout > 0:
            self._loop.time_s += timeout
        return ready


async def advance(span_s: float) -> None:
    """Move a virtual loop's time on, and let what is due then happen."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.time_s += span_s
    for _ in range(10):
        await asyncio.sleep(0)


class LoopClock:
    """`ports.Clock` on the running loop's time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    wall = now
