"""What came of the same requests twice, side by side: by two tables, or live and simulated. Pure.

The first are `before`, the second `after`. Each request counts in the class that the recording gives it.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from proxy.recording.rows import Row
from proxy.routing.table import Table

ALL = "all"
UNROUTABLE = "unroutable"
BELIEVED_MIN = 1_000
"""Answers that a p99 is believed with: ten beyond it."""

LABELS_SHOWN_MAX = 20
SHIFT_MIN = 0.001


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """requests = served + tickets + refused + unroutable + others; `in_time` is of those served."""

    requests: int
    served: int
    in_time: int
    tickets: int
    refused: int
    unroutable: int
    others: int
    throughput: float  # served a second
    p50_ms: float
    p99_ms: float

    @property
    def in_time_share(self) -> float:
        """Of all requests."""
        return self.in_time / max(self.requests, 1)


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one class."""

    before: Figures
    after: Figures


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Of all requests, those that an application answered; and how many calls it got."""

    application: str
    before: float
    after: float
    calls_before: int
    calls_after: int


class Unserved(msgspec.Struct, frozen=True, kw_only=True):
    """Requests with these labels get 404 that got none before."""

    labels: tuple[str, ...]
    requests: int


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """`rerouted`: requests for which the tables have other rows; None where one table made both."""

    answer: str
    requests: int
    rerouted: int | None
    unserved: list[Unserved]
    classes: dict[str, Pair]  # ALL first
    shares: list[Share]
    notes: list[str]


def contrast(
    classes: Sequence[str],
    before: Sequence[Row | None],
    after: Sequence[Row | None],
    seconds: float,
    *,
    rerouted: int | None = None,
    notes: Sequence[str] = (),
) -> Contrast:
    """`classes`: of each request, as it was recorded."""
    names = [ALL, *dict.fromkeys(classes)]
    pairs = {
        name: Pair(
            before=figures(_of(name, classes, before), seconds),
            after=figures(_of(name, classes, after), seconds),
        )
        for name in names
    }
    unserved = _unserved(before, after)
    found = Contrast(
        answer="",
        requests=len(classes),
        rerouted=rerouted,
        unserved=unserved,
        classes=pairs,
        shares=_shares(before, after),
        notes=[*notes, *_doubts(pairs)],
    )
    return msgspec.structs.replace(found, answer=_answer(found))


def figures(rows: Sequence[Row | None], seconds: float) -> Figures:
    """Of some requests; None: one that had not ended."""
    ended = [row for row in rows if row is not None]
    served = [row for row in ended if row.verdict == "served"]
    times_ms = np.array([row.ms for row in served])
    verdicts = Counter(row.verdict for row in ended)
    told = verdicts["served"] + verdicts["parked"] + verdicts["exhausted"] + verdicts[UNROUTABLE]
    return Figures(
        requests=len(rows),
        served=len(served),
        in_time=sum(row.deadline_ms is None or row.ms <= row.deadline_ms for row in served),
        tickets=verdicts["parked"],
        refused=verdicts["exhausted"],
        unroutable=verdicts[UNROUTABLE],
        others=len(rows) - told,
        throughput=len(served) / max(seconds, 1e-9),
        p50_ms=_percentile(times_ms, 0.5),
        p99_ms=_percentile(times_ms, 0.99),
    )


def rerouted(first: Table, second: Table, labels: Sequence[tuple[str, ...]]) -> int:
    """Requests whose rows differ: others, or with another share, timeout or order. By the tables alone."""
    counts = Counter(labels)
    return sum(count for each, count in counts.items() if _ways(first, each) != _ways(second, each))


def _ways(table: Table, labels: tuple[str, ...]) -> list[list[tuple[str, float, float]]]:
    """Tier by tier: applications, the share of each, and their timeouts."""
    found = []
    for tier in table.plan(labels, False).tiers:
        total = sum(row.weight for row in tier.rows) or 1.0
        found.append(sorted((row.application, row.weight / total, row.timeout_s) for row in tier.rows))
    return found


def _of(name: str, classes: Sequence[str], rows: Sequence[Row | None]) -> list[Row | None]:
    return [row for each, row in zip(classes, rows, strict=True) if name in (ALL, each)]


def _percentile(times_ms: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", share: float) -> float:
    if not len(times_ms):
        return 0.0
    return round(float(np.quantile(times_ms, share, method="inverted_cdf")), 3)


def _unserved(before: Sequence[Row | None], after: Sequence[Row | None]) -> list[Unserved]:
    found: Counter[tuple[str, ...]] = Counter()
    for first, second in zip(before, after, strict=True):
        was = first is not None and first.verdict == UNROUTABLE
        if second is not None and second.verdict == UNROUTABLE and not was:
            found[second.labels] += 1
    return [Unserved(labels=labels, requests=count) for labels, count in found.most_common()]


def _shares(before: Sequence[Row | None], after: Sequence[Row | None]) -> list[Share]:
    answered = [
        Counter(row.application for row in rows if row and row.application) for rows in (before, after)
    ]
    calls = [
        Counter(attempt.application for row in rows if row for attempt in row.attempts)
        for rows in (before, after)
    ]
    names = sorted(set(calls[0]) | set(calls[1]))
    count = max(len(before), 1)
    return [
        Share(
            application=name,
            before=answered[0][name] / count,
            after=answered[1][name] / count,
            calls_before=calls[0][name],
            calls_after=calls[1][name],
        )
        for name in names
    ]


def _doubts(pairs: dict[str, Pair]) -> list[str]:
    return [
        f"{name}: its p99 rests on {least:,} answers, and {BELIEVED_MIN:,} are needed to believe it"
        for name, pair in pairs.items()
        if 0 < (least := min(pair.before.served, pair.after.served)) < BELIEVED_MIN
    ]


def _answer(found: Contrast) -> str:
    """The first line: above all what gets nothing any more."""
    lost = sum(each.requests for each in found.unserved)
    if lost:
        shown = ", ".join(
            f"{', '.join(each.labels) or 'none'} ({each.requests:,})"
            for each in found.unserved[:LABELS_SHOWN_MAX]
        )
        more = "" if len(found.unserved) <= LABELS_SHOWN_MAX else ", and more"
        of = f"{lost:,} of {found.requests:,} requests"
        return f"REFUSES {of} with 404, which have a row now: labels {shown}{more}"
    worse: list[str] = []
    better: list[str] = []
    for name, pair in found.classes.items():
        if name != ALL:
            _judge(name, pair, worse, better)
    parts = [f"WORSE for {', '.join(worse)}"] if worse else []
    parts += [f"{'better' if worse else 'BETTER'} for {', '.join(better)}"] if better else []
    return "; ".join(parts) or "NO CHANGE that shows: each class is in time as often, with as many tickets"


def _judge(name: str, pair: Pair, worse: list[str], better: list[str]) -> None:
    before, after = pair.before, pair.after
    shift = after.in_time_share - before.in_time_share
    tickets = (after.tickets - before.tickets) / max(before.requests, 1)
    text = (
        f"{name} (in time {before.in_time_share:.2%} -> {after.in_time_share:.2%},"
        f" tickets {before.tickets:,} -> {after.tickets:,})"
    )
    if shift < -SHIFT_MIN or (tickets > SHIFT_MIN and shift <= SHIFT_MIN):
        worse.append(text)
    elif shift > SHIFT_MIN or tickets < -SHIFT_MIN:
        better.append(text)
