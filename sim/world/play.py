"""One run of a scenario as values that a process can send to another: its lines, figures by class, digest."""

import resource
import time

import msgspec

from sim.world.baselines import BASELINES, under
from sim.world.scenario import Line, Run, Scenario
from sim.world.scenarios import SCENARIOS

KIB_PER_MIB = 1024
QUANTILES = {"p50_ms": 0.5, "p99_ms": 0.99}


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run: a scenario by its name, under whose limits, with which seed, at full size or not."""

    scenario: str
    limiter: str
    seed: int
    full: bool = False


class ClassFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of the orders of one class. `goodput`: the share that was answered rightly within the deadline."""

    orders: int
    goodput: float
    p50_ms: float
    p99_ms: float
    verdicts: dict[str, int]


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """How a turn went. `broken`: the rules that were violated, checkers of all invariants being on.

    `memory_mb`: the most that its process has held so far.
    """

    turn: Turn
    lines: list[Line]
    classes: dict[str, ClassFigures]
    broken: list[str]
    requests: int
    digest: str
    took_s: float
    memory_mb: float


def named(name: str) -> Scenario:
    """The scenario of that name."""
    return next(each for each in SCENARIOS if each.name == name)


def play(turn: Turn) -> Played:
    """Run it, and the run beside it where its lines compare."""
    began_s = time.monotonic()
    scenario, permits_of = named(turn.scenario), BASELINES[turn.limiter]
    plan = scenario.full if turn.full and scenario.full is not None else scenario.plan
    run = Run(under(turn.limiter, plan), turn.seed, permits_of)
    beside = None
    if scenario.beside is not None:
        beside = Run(under(turn.limiter, scenario.beside), turn.seed, permits_of)
    return Played(
        turn=turn,
        lines=scenario.judge(run, beside),
        classes={name: _figures(run, name) for name in sorted(run.tally.classes)},
        broken=sorted({each.rule for each in run.violations}),
        requests=run.world.taken,
        digest=run.world.history.digest(),
        took_s=time.monotonic() - began_s,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB,
    )


def _figures(run: Run, name: str) -> ClassFigures:
    tally = run.of(name)
    latencies = {field: 1e3 * tally.latency_s(share) for field, share in QUANTILES.items()}
    return ClassFigures(
        orders=tally.orders,
        goodput=run.goodput(name),
        verdicts={str(verdict): count for verdict, count in sorted(tally.verdicts.items())},
        **latencies,
    )
