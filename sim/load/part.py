"""What one process of a run found, summed up so that the parts of all processes add. Pure."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from sim.load.ends import word
from sim.load.histogram import Histogram
from sim.load.mix import RequestClass
from sim.load.record import Record

BUCKET_S = 0.1
OK, TICKET = 200, 202
GOOD, LATE, TICKETS, FAILED = 1, 2, 3, 4
"""Places in a series' bucket; 0 is what was sent."""


class ClassPart(msgspec.Struct, frozen=True, kw_only=True):
    """Of one class. `latency` is of the 200s, from the planned time; HDR, encoded."""

    name: str
    deadline_ms: float
    arrivals: int
    good: int  # 200 within the deadline
    late: int  # 200 after it
    tickets: int  # 202
    failed: int  # all else
    ends: dict[str, int]  # how many ended with which status, or without one
    latency: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Of one process; what was due in the warm-up stands only in the series."""

    classes: list[ClassPart]
    series: list[list[int]]  # per 100 ms from the start: sent, good, late, tickets, failed
    lag: str  # from planned to turned to
    delay: str  # from planned to sent
    planned: int
    kept: int  # turned to before the schedule's end
    sent: int
    sent_last_s: float
    held: int
    processor_s: float = 0.0  # that the process took to send and to read answers


def sum_up(record: Record, classes: Sequence[RequestClass], seconds: float, warm_up_s: float) -> Part:
    """The part of the process whose record this is."""
    counted = [number for number in range(len(record)) if record.planned_s[number] >= warm_up_s]
    sent_s = record.sent_s
    return Part(
        classes=[_class_part(record, counted, place, each) for place, each in enumerate(classes)],
        series=_series(record, [each.deadline_ms / 1e3 for each in classes]),
        lag=Histogram.of(record.lag_s[each] for each in counted if record.lag_s[each] >= 0).encode(),
        delay=Histogram.of(
            sent_s[each] - record.planned_s[each] for each in counted if sent_s[each] >= 0
        ).encode(),
        planned=len(counted),
        kept=sum(
            record.lag_s[each] >= 0 and record.planned_s[each] + record.lag_s[each] <= seconds + BUCKET_S
            for each in counted
        ),
        sent=sum(sent_s[each] >= 0 for each in counted),
        sent_last_s=max(sent_s, default=0.0),
        held=sum(record.planned_s[each] >= warm_up_s for each in record.held),
    )


def judged(end: int, latency_s: float, deadline_s: float) -> int:
    """GOOD, LATE, TICKETS or FAILED."""
    if end == OK:
        return GOOD if latency_s <= deadline_s else LATE
    return TICKETS if end == TICKET else FAILED


def _class_part(record: Record, counted: Sequence[int], place: int, each: RequestClass) -> ClassPart:
    numbers = [number for number in counted if record.kinds[number] == place]
    latencies_s = {number: record.ended_s[number] - record.planned_s[number] for number in numbers}
    deadline_s = each.deadline_ms / 1e3
    verdicts = Counter(judged(record.ends[number], latencies_s[number], deadline_s) for number in numbers)
    return ClassPart(
        name=each.name,
        deadline_ms=each.deadline_ms,
        arrivals=len(numbers),
        good=verdicts[GOOD],
        late=verdicts[LATE],
        tickets=verdicts[TICKETS],
        failed=verdicts[FAILED],
        ends=dict(Counter(word(record.ends[number]) for number in numbers)),
        latency=Histogram.of(latencies_s[number] for number in numbers if record.ends[number] == OK).encode(),
    )


def _series(record: Record, deadlines_s: Sequence[float]) -> list[list[int]]:
    last_s = max(max(record.sent_s, default=0.0), max(record.ended_s, default=0.0), 0.0)
    series = [[0] * 5 for _ in range(int(last_s / BUCKET_S) + 1)]
    for number, planned_s in enumerate(record.planned_s):
        if record.sent_s[number] >= 0:
            series[int(record.sent_s[number] / BUCKET_S)][0] += 1
        ended_s = record.ended_s[number]
        if ended_s >= 0:
            verdict = judged(record.ends[number], ended_s - planned_s, deadlines_s[record.kinds[number]])
            series[int(ended_s / BUCKET_S)][verdict] += 1
    return series
