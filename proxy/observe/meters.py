"""Meters: plain counters and fixed-bucket histograms, cheap enough for every request.

Nothing here formats or exports; `page.py` reads them when somebody asks.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable

from proxy.messages import Outcome, Reply

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
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Meters:
    """All that the data path counts. Keys are label values in the order of the metric's labels."""

    __slots__ = (
        "attempts",
        "connections",
        "faults",
        "overhead_seconds",
        "passed_over",
        "request_seconds",
        "requests",
        "served",
        "spans_dropped",
        "tickets",
        "traces",
    )

    def __init__(self, served: Callable[[str], None] | None = None) -> None:
        """`served` is told of each answer, by application."""
        self.served = served
        self.requests: Counter[tuple[str, str, str]] = Counter()  # class, tier, outcome
        self.attempts: Counter[tuple[str, str]] = Counter()  # application, outcome
        self.passed_over: Counter[tuple[str, str]] = Counter()  # application, reason
        self.faults: Counter[int] = Counter()  # status of requests refused before routing
        self.tickets: Counter[str] = Counter()  # how parking ended
        self.traces: Counter[str] = Counter()  # traced, or left out by the limit
        self.spans_dropped: Counter[str] = Counter()  # by reason
        self.request_seconds: dict[str, Histogram] = {}  # by class
        self.overhead_seconds = Histogram()
        self.connections = 0

    def settle(self, reply: Reply, elapsed_s: float) -> None:
        """Count a request that ended, `elapsed_s` after it arrived."""
        tier = "" if reply.tier is None else str(reply.tier)
        self.requests[reply.class_name, tier, reply.verdict.value] += 1
        called_s = 0.0
        for attempt in reply.attempts:
            self.attempts[attempt.application, attempt.outcome.value] += 1
            called_s += attempt.elapsed_s
            if self.served is not None and attempt.outcome is Outcome.OK:
                self.served(attempt.application)
        histogram = self.request_seconds.get(reply.class_name)
        if histogram is None:
            histogram = self.request_seconds[reply.class_name] = Histogram()
        histogram.observe(elapsed_s)
        self.overhead_seconds.observe(max(0.0, elapsed_s - called_s))
