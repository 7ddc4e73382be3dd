"""From samples to figures: medians over the rounds, their spread, and ratios to other peers.

A ratio is the median of the rounds' ratios, for two turns of one round have the machine's mood in common.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence

import msgspec

from sim.bench.peers.sample import Sample

REFERENCES = ("envoy", "haproxy", "aiohttp-relay")
BASE = "direct"
"""What latency is added to."""


class Spread(msgspec.Struct, frozen=True):
    """A median with the lowest and the highest of the rounds."""

    median: float
    low: float
    high: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One peer in one case. Fields as in `Sample`; None where nothing was measured."""

    peer: str
    case: str
    rounds: int
    errors: int
    trouble: str  # of the first sample that had any
    doubts: int  # samples that may say little
    doubt: str  # of the first of them
    per_s: Spread | None
    p50_ms: Spread | None
    p99_ms: Spread | None
    p999_ms: Spread | None
    cpu_us: Spread | None
    busy: Spread | None
    others: Spread | None
    lag_ms: Spread | None
    connection_bytes: Spread | None
    added_p50_ms: float | None = None  # over `direct` in the same round
    added_p99_ms: float | None = None
    added_p999_ms: float | None = None
    ratios: dict[str, float] = {}  # requests per second over those of the named peer


SPREADS = (
    *("per_s", "p50_ms", "p99_ms", "p999_ms", "cpu_us", "busy", "others", "lag_ms"),
    "connection_bytes",
)


def summarise(samples: Sequence[Sample]) -> list[Summary]:
    """One summary for each case and peer that were measured, in the order of first appearance."""
    keys = dict.fromkeys((sample.case, sample.peer) for sample in samples)
    return [_summary(case, peer, samples) for case, peer in keys]


def _summary(case: str, peer: str, samples: Sequence[Sample]) -> Summary:
    of_case = [sample for sample in samples if sample.case == case]
    mine = [sample for sample in of_case if sample.peer == peer]
    by_round = {(sample.peer, sample.round): sample for sample in of_case}

    def beside(other: str, read: Callable[[Sample, Sample], float | None]) -> float | None:
        pairs = [(sample, by_round.get((other, sample.round))) for sample in mine]
        return _median(read(one, two) for one, two in pairs if two is not None)

    ratios = {other: beside(other, _ratio) for other in REFERENCES if other != peer}
    return Summary(
        peer=peer,
        case=case,
        rounds=len(mine),
        errors=sum(sample.errors for sample in mine),
        trouble=next((sample.trouble for sample in mine if sample.trouble), ""),
        doubts=sum(bool(sample.doubt) for sample in mine),
        doubt=next((sample.doubt for sample in mine if sample.doubt), ""),
        added_p50_ms=beside(BASE, lambda one, two: _difference(one.p50_ms, two.p50_ms)),
        added_p99_ms=beside(BASE, lambda one, two: _difference(one.p99_ms, two.p99_ms)),
        added_p999_ms=beside(BASE, lambda one, two: _difference(one.p999_ms, two.p999_ms)),
        ratios={name: ratio for name, ratio in ratios.items() if ratio is not None},
        **{name: _spread(getattr(sample, name) for sample in mine) for name in SPREADS},
    )


def _spread(values: Iterable[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _ratio(one: Sample, two: Sample) -> float | None:
    return one.per_s / two.per_s if one.per_s is not None and two.per_s else None


def _difference(one: float | None, two: float | None) -> float | None:
    return None if one is None or two is None else one - two
