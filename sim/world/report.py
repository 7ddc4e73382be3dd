"""The report of the scenarios: every pass line and figure over all seeds, the baselines' beside our own."""

from collections.abc import Sequence

import msgspec

from sim.world.baselines import OWN
from sim.world.estimate import Estimate
from sim.world.play import Played


class LineReport(msgspec.Struct, frozen=True, kw_only=True):
    """A pass line: what it asks for, what it came to by seed, and whether it held in all of them."""

    what: str
    value: Estimate
    holds: bool


class ClassReport(msgspec.Struct, frozen=True, kw_only=True):
    """The orders of a class; latencies are of the served ones, `verdicts` the mean numbers that ended so."""

    orders: Estimate
    goodput: Estimate
    p50_ms: Estimate
    p99_ms: Estimate
    verdicts: dict[str, float]


class LimiterReport(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario under one way to admit. `broken`: rules violated in any seed."""

    limiter: str
    passes: bool
    lines: list[LineReport]
    classes: dict[str, ClassReport]
    broken: list[str]
    requests: int
    took_s: float  # of all seeds, each on one core
    memory_mb: float  # the most that a process held
    digests: list[str]


class ScenarioReport(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario, the proxy's own limits first."""

    name: str
    about: str
    limiters: list[LimiterReport]

    @property
    def passes(self) -> bool:
        """With the proxy's own limits; baselines are there to be compared with."""
        return all(each.passes for each in self.limiters if each.limiter == OWN)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `full`: at their whole size."""

    seeds: list[int]
    full: bool
    scenarios: list[ScenarioReport]

    @property
    def failed(self) -> list[str]:
        """The scenarios that do not pass."""
        return [each.name for each in self.scenarios if not each.passes]


def limiter_report(played: Sequence[Played]) -> LimiterReport:
    """Of the runs of one scenario under one limiter, a seed each."""
    lines = [
        LineReport(
            what=same[0].what,
            value=Estimate.of([each.value for each in same]),
            holds=all(each.holds for each in same),
        )
        for same in zip(*(each.lines for each in played), strict=True)
    ]
    broken = sorted({rule for each in played for rule in each.broken})
    names = sorted({name for each in played for name in each.classes})
    return LimiterReport(
        limiter=played[0].turn.limiter,
        passes=not broken and all(line.holds for line in lines),
        lines=lines,
        classes={name: _class_report(name, played) for name in names},
        broken=broken,
        requests=sum(each.requests for each in played),
        took_s=sum(each.took_s for each in played),
        memory_mb=max(each.memory_mb for each in played),
        digests=[each.digest for each in played],
    )


def _class_report(name: str, played: Sequence[Played]) -> ClassReport:
    found = [each.classes[name] for each in played if name in each.classes]
    verdicts = sorted({verdict for each in found for verdict in each.verdicts})
    return ClassReport(
        orders=Estimate.of([each.orders for each in found]),
        goodput=Estimate.of([each.goodput for each in found]),
        p50_ms=Estimate.of([each.p50_ms for each in found]),
        p99_ms=Estimate.of([each.p99_ms for each in found]),
        verdicts={
            verdict: sum(each.verdicts.get(verdict, 0) for each in found) / len(found) for verdict in verdicts
        },
    )
