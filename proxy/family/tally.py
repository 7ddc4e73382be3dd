"""Meters on their way from a child to the supervisor, and the sum of those of all processes."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from proxy.family.messages import Buckets, Counts
from proxy.observe.meters import Histogram, Meters


class Sum:
    """Of the counts of any number of processes."""

    def __init__(self) -> None:
        self.meters = Meters()
        self.labelers: Counter[tuple[str, str]] = Counter()

    def add(self, counts: Counts, *, ended: bool = False) -> None:
        """Add a process; one that has ended has no connections any more."""
        meters = self.meters
        for mine, more in (
            (meters.requests, counts.requests),
            (meters.attempts, counts.attempts),
            (meters.passed_over, counts.passed_over),
            (meters.hedges, counts.hedges),
            (meters.faults, counts.faults),
            (meters.tickets, counts.tickets),
            (meters.traces, counts.traces),
            (meters.spans_dropped, counts.spans_dropped),
            (self.labelers, counts.labelers),
        ):
            _add(mine, more)
        for name, buckets in counts.request_seconds.items():
            _pour(meters.request_seconds.setdefault(name, Histogram()), buckets)
        _pour(meters.overhead_seconds, counts.overhead_seconds)
        if not ended:
            meters.connections += counts.connections
            meters.held_bytes += counts.held_bytes

    def counts(self) -> Counts:
        """The sum so far, to be added to another."""
        return counts_of(self.meters, self.labelers)


def counts_of(meters: Meters, labelers: Mapping[tuple[str, str], int]) -> Counts:
    """What a process tells."""
    return Counts(
        requests=meters.requests,
        attempts=meters.attempts,
        passed_over=meters.passed_over,
        hedges=meters.hedges,
        faults=meters.faults,
        tickets=meters.tickets,
        traces=meters.traces,
        spans_dropped=meters.spans_dropped,
        request_seconds={name: _buckets(each) for name, each in meters.request_seconds.items()},
        overhead_seconds=_buckets(meters.overhead_seconds),
        connections=meters.connections,
        held_bytes=meters.held_bytes,
        labelers=dict(labelers),
    )


def _add(mine: Counter[Any], more: Mapping[Any, int]) -> None:
    for key, count in more.items():  # `Counter.update` would leave out what never happened
        mine[key] += count


def _buckets(histogram: Histogram) -> Buckets:
    return Buckets(counts=histogram.counts, total=histogram.total)


def _pour(histogram: Histogram, buckets: Buckets) -> None:
    histogram.counts = [one + more for one, more in zip(histogram.counts, buckets.counts, strict=True)]
    histogram.total += buckets.total
