"""Meters: plain counters and fixed-bucket histograms, cheap enough for every request.

Nothing here formats or exports; `page.py` reads them when somebody asks.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from proxy.messages import Outcome, Reply, called_s

SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds of the buckets; the promises of 100 ms and 5 ms lie on bounds."""


class Histogram:
    """Counts per bucket (the last one unbounded) and the sum of all values."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value; a value equal to a bound belongs to that bound's bucket."""
        low, high = 0, len(self.bounds)
        while low < high:
            middle = (low + high) >> 1
            if self.bounds[middle] < value:
                low = middle + 1
            else:
                high = middle
        self.counts[low] += 1
        self.total += value


_OK: Final = Outcome.OK


class Cell:
    """A count by itself: cheaper to raise than a value in a dictionary."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Meters:
    """All that the data path counts. Keys are label values in the order of the metric's labels."""

    __slots__ = (
        "_attempt_cells",
        "_attempts",
        "_request_cells",
        "_requests",
        "connections",
        "faults",
        "hedges",
        "held_bytes",
        "overhead_seconds",
        "passed_over",
        "request_seconds",
        "served",
        "spans_dropped",
        "tickets",
        "traces",
    )

    def __init__(self, served: Callable[[str], None] | None = None) -> None:
        """`served` is told of each answer, by application."""
        self.served = served
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._request_cells: dict[tuple[str, int | None, str], Cell] = {}  # counted since they were last read
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._attempt_cells: dict[tuple[str, str], Cell] = {}
        self.passed_over: Counter[tuple[str, str]] = Counter()  # application, reason
        self.hedges: Counter[tuple[str, str]] = Counter()  # second calls: application, whether it won
        self.faults: Counter[int] = Counter()  # status of requests refused before routing
        self.tickets: Counter[str] = Counter()  # how parking ended
        self.traces: Counter[str] = Counter()  # traced, or left out by the limit
        self.spans_dropped: Counter[str] = Counter()  # by reason
        self.request_seconds: dict[str, Histogram] = {}  # by class
        self.overhead_seconds = Histogram()
        self.connections = 0
        self.held_bytes = 0  # of bodies, as the last sweep saw it

    @property
    def requests(self) -> Counter[tuple[str, str, str]]:
        """By class, tier and outcome."""
        for (name, tier, outcome), cell in self._request_cells.items():
            self._requests[name, "" if tier is None else str(tier), outcome] += cell.count
            cell.count = 0
        return self._requests

    @property
    def attempts(self) -> Counter[tuple[str, str]]:
        """By application and outcome."""
        for key, cell in self._attempt_cells.items():
            self._attempts[key] += cell.count
            cell.count = 0
        return self._attempts

    def settle(self, reply: Reply, elapsed_s: float) -> None:
        """Count a request that ended, `elapsed_s` after it arrived."""
        name = reply.class_name
        key = (name, reply.tier, reply.verdict)
        cell = self._request_cells.get(key)
        if cell is None:
            cell = self._request_cells[key] = Cell()
        cell.count += 1
        for attempt in reply.attempts:
            tried = (attempt.application, attempt.outcome)
            cell = self._attempt_cells.get(tried)
            if cell is None:
                cell = self._attempt_cells[tried] = Cell()
            cell.count += 1
            if self.served is not None and attempt.outcome is _OK:
                self.served(attempt.application)
        histogram = self.request_seconds.get(name)
        if histogram is None:
            histogram = self.request_seconds[name] = Histogram()
        histogram.observe(elapsed_s)
        self.overhead_seconds.observe(max(0.0, elapsed_s - called_s(reply.attempts)))
