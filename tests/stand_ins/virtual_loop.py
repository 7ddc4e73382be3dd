"""An event loop whose time jumps to the next timer as soon as nothing else is to be done."""

import asyncio
import selectors
from typing import Any

STUCK_S = 20.0
"""Without timers the loop waits for threads and sockets, but no longer than this."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Sleeping costs no time; threads and sockets are waited for when no timer is pending."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        super().__init__(JumpingSelector(self))

    def time(self) -> float:
        return self.time_s


class JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """In place of waiting, moves its loop's time."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(STUCK_S if timeout is None else 0)
        assert ready or timeout is not None, "nothing will ever happen"
        if not ready and timeout is not None and timeout > 0:
            self._loop.time_s += timeout
        return ready


class VirtualPolicy(asyncio.DefaultEventLoopPolicy):
    """For the fixture `event_loop_policy` of a test module."""

    def new_event_loop(self) -> VirtualLoop:
        return VirtualLoop()


class LoopClock:
    """`ports.Clock` on the running loop's time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    wall = now
