"""From samples to figures: a figure of each round, then their median, with the lowest and the highest round.

A round's figure is the median of its turns. A ratio to another peer, or what is added to `direct`, is taken
between two turns that belong together, seconds apart, before any median: they have the machine's mood in
common.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence

import msgspec

from sim.bench.peers.sample import Sample

REFERENCES = ("envoy", "envoy-relay", "haproxy", "haproxy+label", "aiohttp-relay")
TWINS = {"penstock": "penstock-6-rows", "penstock-compiled": "penstock-compiled-6-rows"}
"""By name: the same by a table of few rows."""

ERRORS_MAX = 0.01
"""A share of what was answered. A peer that fails more than this in a turn is no reference in it."""

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
    turns: int  # in all rounds
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
    added_p50_ms: Spread | None  # over `direct` in the same turn
    added_p99_ms: Spread | None
    added_p999_ms: Spread | None
    ratios: dict[str, Spread]  # requests per second over those of the named peer
    cpu_ratios: dict[str, Spread]  # processor time of a request over that of the named peer


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
    by_turn = {(sample.peer, sample.round, sample.turn): sample for sample in of_case}

    def beside(other: str, read: Callable[[Sample, Sample], float | None]) -> Spread | None:
        pairs = [(sample, by_turn.get((other, sample.round, sample.turn))) for sample in mine]
        return spread((one.round, read(one, two)) for one, two in pairs if two is not None and serves(two))

    def added(name: str) -> Spread | None:
        return beside(BASE, lambda one, two: _difference(getattr(one, name), getattr(two, name)))

    def ratios(name: str) -> dict[str, Spread]:
        found = {
            other: beside(other, lambda one, two: _ratio(getattr(one, name), getattr(two, name)))
            for other in (*REFERENCES, *TWINS.values())
            if other != peer
        }
        return {other: each for other, each in found.items() if each is not None}

    return Summary(
        peer=peer,
        case=case,
        rounds=len({sample.round for sample in mine}),
        turns=len(mine),
        errors=sum(sample.errors for sample in mine),
        trouble=next((sample.trouble for sample in mine if sample.trouble), ""),
        doubts=sum(bool(sample.doubt) for sample in mine),
        doubt=next((sample.doubt for sample in mine if sample.doubt), ""),
        added_p50_ms=added("p50_ms"),
        added_p99_ms=added("p99_ms"),
        added_p999_ms=added("p999_ms"),
        ratios=ratios("per_s"),
        cpu_ratios=ratios("cpu_us"),
        **{name: spread((sample.round, getattr(sample, name)) for sample in mine) for name in SPREADS},
    )


def serves(sample: Sample) -> bool:
    """Whether anybody is to be compared with it: not where it failed; many times nothing is no figure."""
    return sample.errors <= ERRORS_MAX * sample.requests


def spread(values: Iterable[tuple[int, float | None]]) -> Spread | None:
    """Of values by round, several of a round or one; None where there is none."""
    by_round: dict[int, list[float]] = {}
    for number, value in values:
        if value is not None:
            by_round.setdefault(number, []).append(value)
    figures = [statistics.median(found) for found in by_round.values()]
    return Spread(statistics.median(figures), min(figures), max(figures)) if figures else None


def _ratio(one: float | None, two: float | None) -> float | None:
    return one / two if one is not None and two else None


def _difference(one: float | None, two: float | None) -> float | None:
    return None if one is None or two is None else one - two
