"""The metrics page: reads the meters and the states when it is asked for, in the Prometheus text format."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from proxy.observe.meters import Histogram, Meters


class ApplicationState(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says of an application."""

    in_flight: int
    permits_limit: int | None
    breaker: int  # 0 admitting, 1 probing, 2 rejecting
    drained: bool
    departed: int = 0  # of those in flight: of processes that have ended, whose permits are not back yet
    endpoints_down: int = 0  # by their own word


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """The states that are read, not counted, at the moment of the scrape."""

    applications: Mapping[str, ApplicationState]
    generation: int
    reloads: Mapping[str, int]  # by result
    last_reload_ok: bool
    queue_depth: Mapping[str, int]  # by status
    queue_bytes: float  # NaN where the queue cannot say
    labelers: Mapping[tuple[str, str], int]  # by labeler and kind
    processes: Mapping[str, int]  # by state
    restarts: int


class Page:
    """A prometheus_client collector over the meters and one reading."""

    def __init__(self, meters: Meters, readings: Readings) -> None:
        self._meters = meters
        self._readings = readings

    def render(self) -> bytes:
        """The page's text."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterable[Metric]:
        """All metrics; called by the registry."""
        meters, readings = self._meters, self._readings
        yield _counter(
            "requests", "Requests by how they ended.", ("class", "tier", "outcome"), meters.requests
        )
        yield _counter("attempts", "Calls to applications.", ("application", "outcome"), meters.attempts)
        yield _counter(
            "passed_over",
            "Rows passed over without an attempt.",
            ("application", "reason"),
            meters.passed_over,
        )
        yield _counter("hedges", "Late calls made a second time.", ("application", "won"), meters.hedges)
        faults = {(str(status),): count for status, count in meters.faults.items()}
        yield _counter("faults", "Requests refused before routing.", ("status",), faults)
        tickets = {(how,): count for how, count in meters.tickets.items()}
        yield _counter("tickets", "Requests parked, or why not.", ("result",), tickets)
        traces = {(result,): count for result, count in meters.traces.items()}
        yield _counter("traces", "Requests chosen for a trace, and what became of it.", ("result",), traces)
        dropped = {(reason,): count for reason, count in meters.spans_dropped.items()}
        yield _counter("spans_dropped", "Spans that no collector got.", ("reason",), dropped)
        by_class = {(name,): histogram for name, histogram in meters.request_seconds.items()}
        yield _histogram("request_seconds", "From arrival to reply.", ("class",), by_class)
        overhead = {(): meters.overhead_seconds}
        yield _histogram("overhead_seconds", "Time in the proxy itself.", (), overhead)
        yield _gauge("connections", "Callers' connections.", (), {(): meters.connections})
        yield _gauge(
            "held_bytes", "Bodies over 64 KiB that wait for their answers.", (), {(): meters.held_bytes}
        )
        yield from self._states(readings)

    def _states(self, readings: Readings) -> Iterable[Metric]:
        name = ("application",)
        states = readings.applications
        yield _gauge("inflight", "Calls in flight.", name, {(a,): s.in_flight for a, s in states.items()})
        limits = {(a,): s.permits_limit for a, s in states.items() if s.permits_limit is not None}
        yield _gauge("permits_limit", "Calls in flight at most.", name, limits)
        departed = {(a,): s.departed for a, s in states.items()}
        yield _gauge("permits_departed", "Permits of ended processes, not back yet.", name, departed)
        breakers = {(a,): s.breaker for a, s in states.items()}
        yield _gauge("breaker_state", "0 admitting, 1 probing, 2 rejecting.", name, breakers)
        drained = {(a,): int(s.drained) for a, s in states.items()}
        yield _gauge("drained", "1 where an operator drained the application.", name, drained)
        down = {(a,): s.endpoints_down for a, s in states.items()}
        yield _gauge("endpoints_down", "Endpoints that failed their health checks.", name, down)
        depth = {(status,): count for status, count in readings.queue_depth.items()}
        yield _gauge("queue_depth", "Tickets by status.", ("status",), depth)
        yield _gauge("queue_bytes", "Bytes stored in the offline queue.", (), {(): readings.queue_bytes})
        yield _gauge("table_generation", "Generation in service.", (), {(): readings.generation})
        reloads = {(result,): count for result, count in readings.reloads.items()}
        yield _counter("table_reloads", "Reloads by result.", ("result",), reloads)
        ok = {(): int(readings.last_reload_ok)}
        yield _gauge("table_last_reload_ok", "0 while the last table offered was refused.", (), ok)
        yield _counter(
            "labeler_events", "Labelers by what happened.", ("labeler", "kind"), dict(readings.labelers)
        )
        processes = {(state,): count for state, count in readings.processes.items()}
        yield _gauge("processes", "Processes that serve callers, by state.", ("state",), processes)
        restarts = {(): readings.restarts}
        yield _counter("process_restarts", "Processes that ended unasked.", (), restarts)


def _counter(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"penstock_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"penstock_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _histogram(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, Histogram]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(f"penstock_{name}", text, labels=labels)
    for key, histogram in values.items():
        buckets, running = [], 0
        for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
            running += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), running))
        family.add_metric(key, buckets, histogram.total)
    return family
