"""What arrived in one turn of the event loop, handled together once it has all been read.

The same code run many times in a row stays in the processor's caches; run between two system calls it does
not, and costs twice as much (`python -m sim.bench.peers --cases small-64` measured it). Order is kept, and
nothing waits longer than the turn.
"""

from collections.abc import Callable
from typing import Protocol

TOGETHER_MAX = 256
"""So many are handled at once, at the latest: it bounds what is held, and still fits a cache."""


class Receiving(Protocol):
    """A connection that handles bytes; one that has closed meanwhile ignores them."""

    def receive(self, data: bytes) -> None:
        """Handle bytes that arrived; none at all are the end of what the other side sends."""
        ...

    def close(self) -> None:
        """Close at once."""
        ...


class Batch:
    """`soon` calls back in the loop's next turn; a connection with a bug goes to `report`, and is closed."""

    __slots__ = ("_arrived", "_report", "_soon")

    def __init__(
        self, soon: Callable[[Callable[[], None]], object], report: Callable[[Exception], None]
    ) -> None:
        self._soon = soon
        self._report = report
        self._arrived: list[tuple[Receiving, bytes]] = []

    def add(self, connection: Receiving, data: bytes) -> None:
        """These bytes arrived at this connection."""
        arrived = self._arrived
        if not arrived:
            self._soon(self.handle)
        arrived.append((connection, data))
        if len(arrived) >= TOGETHER_MAX:
            self.handle()

    def handle(self) -> None:
        """Handle what has arrived, now."""
        arrived, self._arrived = self._arrived, []
        for connection, data in arrived:
            try:
                connection.receive(data)
            except Exception as error:  # noqa: BLE001 - a bug must not cost those behind it their answers
                self._report(error)
                connection.close()
