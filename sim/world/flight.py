"""A flight: one call on its way to a model server, and what became of it on both sides."""

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from proxy.messages import Answer, Failure

if TYPE_CHECKING:
    from sim.world.server import Server
    from sim.world.trip import Trip


class Stage(enum.IntEnum):
    """Where it is, as the backend sees it."""

    OUTWARD = 0
    WAITING = 1  # in the server's own queue
    SERVED = 2  # in service
    OVER = 3


class Inquiry:
    """`ports.Call` that asks a server whether it is well: of no request, and counted by nobody."""

    __slots__ = ("_done",)

    def __init__(self, done: Callable[[Answer | Failure], None]) -> None:
        self._done: Callable[[Answer | Failure], None] | None = done

    def answer(self, result: Answer | Failure) -> None:
        """The server's word."""
        done, self._done = self._done, None
        if done is not None:
            done(result)

    def abandon(self, ended: Callable[[bool], None]) -> None:
        """As of any call."""
        self.cancel()
        ended(False)

    def cancel(self) -> None:
        """Nobody wants to know any more."""
        self._done = None


class Flight:
    """`ports.Call`. `given_up` is the proxy's view, `stage` the server's: they differ for a while.

    One that is `left_behind` is waited for no longer, but keeps its permit until it ends.
    """

    __slots__ = (
        "began_s",
        "budget_s",
        "done",
        "entered",
        "given_up",
        "hedge",
        "left_behind",
        "number",
        "served_s",
        "server",
        "stage",
        "trip",
    )

    def __init__(
        self,
        number: int,
        trip: "Trip",
        server: "Server",
        budget_s: float,
        began_s: float,
        done: Callable[[Answer | Failure], None],
    ) -> None:
        self.number = number
        self.trip = trip
        self.server = server
        self.budget_s = budget_s
        self.began_s = began_s
        self.done: Callable[[Answer | Failure], None] | None = done
        self.entered = False  # the server took it in
        self.served_s: float | None = None  # since when it is in service there
        self.given_up = False
        self.hedge = False  # the second of two at once
        self.left_behind = False
        self.stage = Stage.OUTWARD

    def abandon(self, ended: Callable[[bool], None]) -> None:
        """The proxy wants no answer any more, and lets the server finish."""
        assert self.done is not None, "a call that has ended was abandoned"
        self.done = lambda result: ended(isinstance(result, Answer))
        self.left_behind = True
        self.server.left_behind(self)

    def cancel(self) -> None:
        """The proxy does not want it any more."""
        assert self.done is not None, "a call that has ended was cancelled"
        self.done = None
        self.given_up = True
        self.server.forsaken(self)
