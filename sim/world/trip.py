"""A trip: one request's way through the pipeline, from `take` to its one reply. A retry is another one."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from proxy.messages import Reply, Request, Verdict
from proxy.routing.table import Plan
from proxy.snapshot import Snapshot

if TYPE_CHECKING:
    from sim.world.flight import Flight


class Trip:
    """What the world knows of one request; `verdict` is None until it has ended."""

    __slots__ = (
        *("began_s", "calls", "deadline_s", "done", "flight", "hedges", "labels", "number"),
        *("plan", "replied", "request", "seconded", "snapshot", "tier", "verdict"),
    )

    def __init__(
        self,
        number: int,
        request: Request,
        plan: Plan,
        snapshot: Snapshot,
        deadline_s: float,
        labels: tuple[str, ...],
        replied: Callable[["Trip", Reply], None],
        done: Callable[[Reply], None],
    ) -> None:
        self.number = number
        self.request = request
        self.plan = plan  # what it makes of its labels
        self.snapshot = snapshot  # the table in force at its arrival
        self.deadline_s = deadline_s  # a moment
        self.labels = labels
        self.began_s = request.arrived_s
        self.calls = 0
        self.hedges = 0  # of them
        self.flight: Flight | None = None  # the first call of the tier
        self.seconded = False  # it has a second one beside it
        self.tier: int | None = None  # the last one called
        self.verdict: Verdict | None = None
        self.replied = replied
        self.done = done

    def answered(self, reply: Reply) -> None:
        """The pipeline's call-back."""
        self.replied(self, reply)
