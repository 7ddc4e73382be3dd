"""Threads that wait for a device while the process's own thread goes on with its books.

They are daemons: one that is stuck in a library must not keep the process from ending.
"""

import queue
import threading
from collections.abc import Callable


class Crew:
    """`size` threads; work is done in the order given."""

    def __init__(self, size: int, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._size = size
        for number in range(size):
            threading.Thread(target=self._live, name=f"{name}-{number}", daemon=True).start()

    def do(self, work: Callable[[], None]) -> None:
        """Let one of them do it. It must not raise: nobody would hear of it."""
        self._work.put(work)

    def dismiss(self) -> None:
        """They end when what was given is done."""
        for _ in range(self._size):
            self._work.put(None)

    def _live(self) -> None:
        while (work := self._work.get()) is not None:
            work()
