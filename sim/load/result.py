"""A run's result: figures per class, the course of time, and whether the schedule was kept. Pure."""

import itertools
from collections import Counter
from collections.abc import Sequence

import msgspec

from sim.load.histogram import Histogram
from sim.load.limits import Punctuality
from sim.load.part import BUCKET_S, ClassPart, Part
from sim.load.plan import Plan


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Quantiles in ms, and the whole histogram in HDR's own encoding (µs)."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    hdr: str


class ClassResult(msgspec.Struct, frozen=True, kw_only=True):
    """Of one class; latency of the 200s, from the planned time."""

    arrivals: int
    good: int
    late: int
    tickets: int
    failed: int
    p50_ms: float
    p99_ms: float
    throughput: float  # good answers per second of the schedule
    deadline_ms: float
    ends: dict[str, int]
    latency: Latency


class GeneratorResult(msgspec.Struct, frozen=True, kw_only=True):
    """How the generator did: its own lateness, and when requests were sent."""

    processes: int
    planned: int
    sent: int
    planned_rate: float
    sent_rate: float
    kept_share: float  # turned to before the schedule's end
    processor_us: float  # the generator's own, a request; 0 where it is not known
    held_share: float  # waited because no more connections were allowed
    lag: Latency  # from planned to turned to: the generator's own
    delay: Latency  # from planned to sent: the opening of connections, and waiting for one, included


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """100 ms of the run: `sent` by when it was sent, the others by when they ended."""

    at_s: float
    sent: int
    good: int
    late: int
    tickets: int
    failed: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`invalid` says why the run says nothing; empty for one that is valid."""

    seconds: float
    seed: int
    classes: dict[str, ClassResult]
    throughput: float  # good answers per second of the schedule, all classes
    generator: GeneratorResult
    invalid: list[str]
    series: list[Point]

    @property
    def valid(self) -> bool:
        """Whether the generator kept its schedule."""
        return not self.invalid


def merged(plan: Plan, parts: Sequence[Part], seconds: float | None = None) -> Result:
    """The result of all processes' parts; `seconds` where the run ended before its schedule did."""
    seconds = plan.seconds if seconds is None else seconds
    counted_s = max(seconds - plan.warm_up_s, 1e-9)
    grouped = zip(*(part.classes for part in parts), strict=True)
    classes = {group[0].name: _class_result(group, counted_s) for group in grouped}
    generator = _generator(parts, counted_s, plan)
    return Result(
        seconds=seconds,
        seed=plan.seed,
        classes=classes,
        throughput=sum(each.throughput for each in classes.values()),
        generator=generator,
        invalid=_complaints(generator, plan.punctuality),
        series=_points(parts),
    )


def latency_of(encoded: Sequence[str]) -> Latency:
    """Of all these histograms together."""
    histogram = Histogram()
    for text in encoded:
        histogram.add(Histogram.decode(text))
    return Latency(
        count=histogram.count,
        p50_ms=histogram.quantile_ms(0.5),
        p90_ms=histogram.quantile_ms(0.9),
        p99_ms=histogram.quantile_ms(0.99),
        p999_ms=histogram.quantile_ms(0.999),
        max_ms=histogram.quantile_ms(1.0),
        hdr=histogram.encode(),
    )


def _class_result(parts: Sequence[ClassPart], seconds: float) -> ClassResult:
    latency = latency_of([part.latency for part in parts])
    ends: Counter[str] = Counter()
    for part in parts:
        ends.update(part.ends)
    good = sum(part.good for part in parts)
    return ClassResult(
        arrivals=sum(part.arrivals for part in parts),
        good=good,
        late=sum(part.late for part in parts),
        tickets=sum(part.tickets for part in parts),
        failed=sum(part.failed for part in parts),
        p50_ms=latency.p50_ms,
        p99_ms=latency.p99_ms,
        throughput=good / seconds,
        deadline_ms=parts[0].deadline_ms,
        ends=dict(sorted(ends.items())),
        latency=latency,
    )


def _generator(parts: Sequence[Part], seconds: float, plan: Plan) -> GeneratorResult:
    planned = sum(part.planned for part in parts)
    sent = sum(part.sent for part in parts)
    last_s = max(part.sent_last_s for part in parts) - plan.warm_up_s
    return GeneratorResult(
        processes=len(parts),
        planned=planned,
        sent=sent,
        planned_rate=planned / seconds,
        sent_rate=sent / max(last_s, seconds),
        kept_share=sum(part.kept for part in parts) / max(planned, 1),
        processor_us=1e6 * sum(part.processor_s for part in parts) / max(sent, 1),
        held_share=sum(part.held for part in parts) / max(planned, 1),
        lag=latency_of([part.lag for part in parts]),
        delay=latency_of([part.delay for part in parts]),
    )


def _complaints(generator: GeneratorResult, limits: Punctuality) -> list[str]:
    found = []
    for name, lag_ms, lag_ms_max in (
        ("half", generator.lag.p50_ms, limits.lag_p50_ms_max),
        ("1%", generator.lag.p99_ms, limits.lag_p99_ms_max),
    ):
        if lag_ms > lag_ms_max:
            found.append(
                f"{name} of the requests had a lag of {lag_ms:.2f} ms or more; {lag_ms_max:g} is allowed"
            )
    if not generator.planned:
        found.append("nothing was planned")
    elif generator.kept_share < limits.rate_share_min:
        share, least = generator.kept_share, limits.rate_share_min
        found.append(f"{share:.1%} of the schedule was kept; at least {least:.1%} is wanted")
    if generator.held_share > limits.held_share_max:
        share, most = generator.held_share, limits.held_share_max
        found.append(f"{share:.1%} waited for the limit of connections; {most:.1%} is allowed")
    return found


def _points(parts: Sequence[Part]) -> list[Point]:
    buckets = itertools.zip_longest(*(part.series for part in parts), fillvalue=(0, 0, 0, 0, 0))
    sums = ([sum(column) for column in zip(*bucket, strict=True)] for bucket in buckets)
    return [
        Point(
            at_s=round(place * BUCKET_S, 1), sent=sent, good=good, late=late, tickets=tickets, failed=failed
        )
        for place, (sent, good, late, tickets, failed) in enumerate(sums)
    ]
