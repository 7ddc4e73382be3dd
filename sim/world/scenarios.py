"""The named scenarios: load, faults and pass lines as data. A killed process is no matter of one world.

A line that does not hold is shown as failing, with its figure.
"""

from collections.abc import Callable

import msgspec

from proxy.messages import Fallback, Verdict
from sim.world.ground import (
    CAPACITY_PER_S,
    CPU,
    CPU_PER_S,
    GPU,
    GPU_PER_S,
    LARGE_TABLE,
    LARGER,
    TABLE,
    for_s,
    load,
    servers,
)
from sim.world.plan import Fault, FaultKind, QueuePlan, ReloadPlan, Stream, WorldPlan
from sim.world.scenario import Line, Run, Scenario, at_least, at_most

QUIET = 0.8 * GPU_PER_S
CPU_FITS = {"a": 0.5, "b": 0.25, "c": 0.25}
SMALL = 0.8 * CPU_PER_S


CONVERGENCE_WINDOW_S = 0.5
"""Brings 1,000 answers at capacity: fewer would be too few to tell 95% of them from 98%."""

RECOVERY_WINDOW_S = 1.0


def _plan(*streams: Stream, **fields: object) -> WorldPlan:
    whole = {"table": TABLE, "servers": servers(), "drained": False, "rest_s": 30.0, **fields}
    return WorldPlan(streams=streams, **whole)  # type: ignore[arg-type]


def _steady(run: Run, _: Run | None) -> list[Line]:
    shed = run.tally.orders - sum(run.of(name).verdicts.get(Verdict.SERVED, 0) for name in "ABC")
    return [at_most("orders shed", shed, 0), at_most("added p99, s", run.gauge.added_p99_s(), 0.005)]


def _step(run: Run, _: Run | None) -> list[Line]:
    per_s = run.gauge.per_s(11, 70)
    return [
        at_least("goodput, share of capacity", per_s / CAPACITY_PER_S, 0.95),
        at_least("A in deadline", run.goodput("A"), 0.999),
    ]


def _converging(run: Run, _: Run | None) -> list[Line]:
    least_per_s = 0.95 * LARGER * CAPACITY_PER_S
    took_s = run.gauge.converged_s(2.0, 5.0, least_per_s, CONVERGENCE_WINDOW_S)
    return [
        at_most("s from the step until 500 ms windows bring 95% of capacity for good", took_s, 0.1),
        at_least("A in deadline", run.goodput("A"), 0.999),
    ]


def _double_eleven(run: Run, _: Run | None) -> list[Line]:
    verdicts = [run.of(name).verdicts for name in "ABC"]
    durable = sum(each.get(Verdict.SERVED, 0) + each.get(Verdict.PARKED, 0) for each in verdicts)
    return [
        at_least("A in deadline", run.goodput("A"), 0.999),
        at_most("orders neither served nor durable", run.tally.orders - durable, 0),
    ]


def _a_alone(run: Run, _: Run | None) -> list[Line]:
    # Before the first second the pool is not full yet, and when A is over B and C are served.
    others = sum(run.gauge.calls_at.get((GPU, name, each), 0) for name in "BC" for each in range(1, 30))
    return [
        at_least("goodput, share of capacity", run.gauge.per_s(1, 30) / CAPACITY_PER_S, 0.95),
        at_most("calls of B and C to the GPU pool", others, 0),
    ]


def _gray(run: Run, _: Run | None) -> list[Line]:
    opened_s = run.gauge.rejecting_s.get(GPU, 1e9) - 10.0
    return [
        at_most("s until the breaker opens", opened_s, 2.0),
        at_least("A in deadline", run.goodput("A"), 0.99),
    ]


def _dead(run: Run, _: Run | None) -> list[Line]:
    return [
        at_least("A in deadline", run.goodput("A"), 0.99),
        at_most("calls inside the CPU pool", run.gauge.inside_max.get(CPU, 0), 5),
    ]


def _zombies(run: Run, _: Run | None) -> list[Line]:
    return [
        at_most("calls inside the GPU pool, zombies included", run.gauge.inside_max.get(GPU, 0), 8),
        at_most("dispatches beyond the limit", run.broke("I1"), 0),
    ]


def _metastable(run: Run, _: Run | None) -> list[Line]:
    took_s = run.gauge.recovered_s(20.0, 39.0, 0.99, RECOVERY_WINDOW_S)
    return [
        at_most("s from the trigger's end until 1 s windows are 99% good for good", took_s, 5.0),
        at_least("good from 5 s after the trigger on", run.gauge.share(25, 39), 0.99),
    ]


def _reload(run: Run, beside: Run | None) -> list[Line]:
    assert beside is not None
    served, without = (
        sum(each.of(name).verdicts.get(Verdict.SERVED, 0) for name in "ABC") for each in (run, beside)
    )
    return [at_most("orders lost by it", without - served, 0), at_most("limits reset", run.broke("I1"), 0)]


def _isolation(run: Run, beside: Run | None) -> list[Line]:
    assert beside is not None
    return [at_most("goodput of A that B and C cost", abs(run.goodput("A") - beside.goodput("A")), 0.01)]


def _drain(run: Run, beside: Run | None) -> list[Line]:
    assert beside is not None
    worst = max(abs(run.goodput(name) - beside.goodput(name)) for name in "AB")
    answered = sum(run.gauge.calls.get((pool, "offline"), 0) for pool in (GPU, CPU))
    return [at_most("goodput that tickets cost", worst, 0.01), at_least("tickets sent", answered, 1)]


def _hedge(share: float) -> Callable[[Run, Run | None], list[Line]]:
    """The tail that `share` of the orders lie in is half as long, for one call more in a hundred at most."""

    def judge(run: Run, beside: Run | None) -> list[Line]:
        assert beside is not None
        tail, without = (each.of("A").latency_s(1 - share) for each in (run, beside))
        seconds = sum(run.world.meters.hedges.values())
        return [
            at_most(f"A's p{100 * (1 - share):g}, share of that without hedges", tail / without, 0.5),
            at_most("second calls for each order of A", seconds / run.of("A").orders, 0.01),
        ]

    return judge


def _hot(run: Run, _: Run | None) -> list[Line]:
    quiet = run.world.tallies[1:]
    shares = [sum(each.good for each in tally.classes.values()) / tally.orders for tally in quiet]
    return [at_least("good of the worst of the others", min(shares), 0.95)]


def _dead_pool(name: str, kind: FaultKind) -> Scenario:
    fault = Fault(kind=kind, from_s=5.0, until_s=25.0)
    return Scenario(
        name=f"dead-pool-{name}",
        about=f"the GPU pool is dead for 20 s ({kind.value})",
        plan=_plan(*load(for_s(0.0, 30.0, SMALL), mix=CPU_FITS), servers=servers(fault)),
        judge=_dead,
    )


def _one_slow(name: str, share: float, tail: float) -> Scenario:
    """One of two endpoints takes eight times as long for a share of its requests."""
    fault = Fault(kind=FaultKind.SLOW, from_s=0.0, until_s=1e9, share=share, factor=8.0)
    slow, *others = servers(times=LARGER)
    pools = (msgspec.structs.replace(slow, faults=(fault,)), *others)
    calls = load(for_s(0.0, 20.0, 2 * GPU_PER_S), mix={"a": 0.8, "b": 0.2})
    return Scenario(
        name=name,
        about=f"one of two endpoints takes eight times as long for {share:.0%} of its requests",
        plan=_plan(
            *calls, table=LARGE_TABLE.replace("deadline: 500", "deadline: 500, hedge: true"), servers=pools
        ),
        beside=_plan(*calls, table=LARGE_TABLE, servers=pools),
        judge=_hedge(tail),
    )


def _reloads() -> tuple[ReloadPlan, ...]:
    """Ten a second: other weights, and every third a text that is no table."""
    texts = (TABLE.replace("weight: 1,", "weight: 2,"), "version: 1", TABLE)
    return tuple(ReloadPlan(at_s=1.0 + 0.1 * place, table=texts[place % 3]) for place in range(100))


def _waiting(tickets: int) -> QueuePlan:
    return QueuePlan(waiting=tickets, waiting_labels=("c",))


_ONLINE = load(for_s(0.2, 30.0, 0.9 * GPU_PER_S), mix={"a": 0.2, "b": 0.8})
_TOP = load(for_s(0.0, 20.0, 0.5 * GPU_PER_S), mix={"a": 1.0})
_HOT = (
    Stream(caller="hot", labels=("b",), phases=(for_s(0.0, 20.0, 500.0),)),
    *(Stream(caller=f"quiet {n}", labels=("b",), phases=(for_s(0.0, 20.0, 5.0),)) for n in range(19)),
)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="steady",
        about="0.8 of the capacity of pools eight times as large, for 30 s",
        plan=_plan(*load(for_s(0.0, 30.0, LARGER * QUIET)), table=LARGE_TABLE, servers=servers(times=LARGER)),
        judge=_steady,
    ),
    Scenario(
        name="step",
        about="0.8 of the GPU pool's capacity, then ten times as much for 60 s, then 0.8 again",
        plan=_plan(
            *load(for_s(0.0, 10.0, QUIET), for_s(10.0, 70.0, 10 * GPU_PER_S), for_s(70.0, 80.0, QUIET))
        ),
        judge=_step,
    ),
    Scenario(
        name="convergence",
        about="pools eight times as large: half of their capacity, then ten times as much for 3 s",
        plan=_plan(
            *load(
                for_s(0.0, 2.0, 0.5 * LARGER * CAPACITY_PER_S), for_s(2.0, 5.0, 10 * LARGER * CAPACITY_PER_S)
            ),
            table=LARGE_TABLE,
            servers=servers(times=LARGER, sigma=0.2, slack=1.5),
        ),
        judge=_converging,
    ),
    Scenario(
        name="double-11",
        about="ten minutes' work of the GPU pool arrives in one second; A would fit",
        plan=_plan(
            *load(
                for_s(0.0, 1.0, 600 * GPU_PER_S),
                mix={"a": 0.0005, "b": 0.2995, "c": 0.7},
                fallback=Fallback.QUEUE,
            )
        ),
        judge=_double_eleven,
    ),
    Scenario(
        name="a-alone",
        about="A asks for twice the GPU pool's capacity, B and C for 0.2 each",
        plan=_plan(
            *load(for_s(0.0, 30.0, 2.4 * GPU_PER_S), mix={"a": 2 / 2.4, "b": 0.2 / 2.4, "c": 0.2 / 2.4})
        ),
        judge=_a_alone,
    ),
    Scenario(
        name="gray",
        about="the GPU pool becomes five times slower for 15 s, without an error",
        plan=_plan(
            *load(for_s(0.0, 30.0, SMALL), mix=CPU_FITS),
            servers=servers(Fault(kind=FaultKind.SLOW, from_s=10.0, until_s=25.0, factor=5.0)),
        ),
        judge=_gray,
    ),
    _dead_pool("refused", FaultKind.REFUSING),
    _dead_pool("reset", FaultKind.RESETTING),
    _dead_pool("black-hole", FaultKind.BLACK_HOLE),
    Scenario(
        name="zombies",
        about="the GPU pool becomes 20 times slower for 10 s, and works on for callers that have gone",
        plan=_plan(
            *load(for_s(0.0, 20.0, QUIET)),
            servers=servers(Fault(kind=FaultKind.SLOW, from_s=5.0, until_s=15.0, factor=20.0), works_on=True),
        ),
        judge=_zombies,
    ),
    Scenario(
        name="metastable",
        about="ten times the capacity for 10 s, from callers that retry three times at once; then 0.8",
        plan=_plan(
            *load(
                for_s(0.0, 10.0, QUIET),
                for_s(10.0, 20.0, 10 * GPU_PER_S),
                for_s(20.0, 40.0, QUIET),
                retries_max=3,
            )
        ),
        judge=_metastable,
    ),
    Scenario(
        name="reload",
        about="ten reloads a second for 10 s, every third one invalid",
        plan=_plan(*load(for_s(0.0, 12.0, QUIET)), reloads=_reloads()),
        beside=_plan(*load(for_s(0.0, 12.0, QUIET))),
        judge=_reload,
    ),
    Scenario(
        name="isolation",
        about="A at half of the GPU pool's capacity, without B and C and with ten times as much of them",
        plan=_plan(*_TOP, *load(for_s(0.0, 20.0, 10 * GPU_PER_S), mix={"b": 0.5, "c": 0.5})),
        beside=_plan(*_TOP),
        judge=_isolation,
    ),
    Scenario(
        name="drain",
        about="20,000 tickets wait (--full: a million), online 0.9 of the GPU pool's capacity",
        plan=_plan(*_ONLINE, drained=True, rest_s=0.5, queue=_waiting(20_000)),
        full=_plan(*_ONLINE, drained=True, rest_s=0.5, queue=_waiting(1_000_000)),
        beside=_plan(*_ONLINE),
        judge=_drain,
    ),
    Scenario(
        name="hot-caller",
        about="one caller asks a hundred times as much as each of 19 others of its class",
        plan=_plan(*_HOT),
        judge=_hot,
    ),
    _one_slow("hedge-rare", 0.08, 0.001),
    _one_slow("hedge-often", 0.25, 0.01),
)
