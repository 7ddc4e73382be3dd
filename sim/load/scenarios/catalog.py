"""The live scenarios. Capacities, slots over service time, are small: the machine must not be the limit.

Service times of 40 ms and more: what a hop over loopback and a turn of a loop cost, and vary by on a machine
of two cores, must be small beside them.
"""

from sim.load.arrivals import Poisson, Step, Steps
from sim.load.mix import RequestClass
from sim.load.scenarios.scenario import Fault, Kills, PassLine, Pool, Reloads, Scenario, Watched
from sim.stubs.behaviours import AnyBehaviour, Never, Refuse, Reset, Slots

SERVICE_S, SLOTS = 0.04, 16
CAPACITY = SLOTS / SERVICE_S
"""Of the gpu pool: 400 a second."""

CPU_SERVICE_S, CPU_SLOTS = 0.08, 16
CPU_CAPACITY = CPU_SLOTS / CPU_SERVICE_S
"""Of the cpu pool behind it: 200 a second."""

GPU = Pool(name="gpu", behaviour=Slots(slots=SLOTS, delay=SERVICE_S))
CPU = Pool(name="cpu", behaviour=Slots(slots=CPU_SLOTS, delay=CPU_SERVICE_S))

STEP_SERVICE_S, STEP_SLOTS = 0.1, 8
STEP_CAPACITY = STEP_SLOTS / STEP_SERVICE_S
"""Ten times as much must be no work for the machine."""

STEADY_SERVICE_S, STEADY_SLOTS = 0.1, 64
STEADY_CAPACITY = STEADY_SLOTS / STEADY_SERVICE_S
"""Many slots: before a few there is a queue at 0.8 of their capacity whoever hands them out, and in it the
least critical wait for the others, proxy or not. What the proxy adds is what is measured."""

HEAD = """\
version: 1
labelers:
  - {use: json-field, path: parameters.label}
classes:
  - {name: A, label: 1, deadline: 300}
  - {name: B, label: 2, deadline: 1000}
  - {name: C, label: 3, deadline: 2000}
applications:
  1: {endpoints: ["${GPU}"], concurrency: SLOTS}
"""
ROUTES = """routes:
  - {application: 1, timeout: 1000, weight: 10, priority: 0, clusterType: http, label: "1,2,3"}
"""


def one_pool(slots: int) -> str:
    """A table of the gpu pool alone."""
    return HEAD.replace("SLOTS", str(slots)) + ROUTES


ONE_POOL = one_pool(SLOTS)
ONE_POOL_OTHERWISE = ONE_POOL.replace("weight: 10", "weight: 20")
TWO_POOLS = f"""{HEAD.replace("SLOTS", str(SLOTS))}  2: {{endpoints: ["${{CPU}}"], concurrency: {CPU_SLOTS}}}
routes:
  - {{application: 1, timeout: 160, weight: 10, priority: 0, clusterType: http, label: "1,2,3"}}
  - {{application: 2, timeout: 400, weight: 10, priority: 1, clusterType: http, label: "1,2,3"}}
"""


def mix(a: float, b: float, c: float) -> tuple[RequestClass, ...]:
    """Classes A, B and C with these shares, and the table's deadlines."""
    return (
        RequestClass(name="A", label="1", weight=a, deadline_ms=300),
        RequestClass(name="B", label="2", weight=b, deadline_ms=1_000),
        RequestClass(name="C", label="3", weight=c, deadline_ms=2_000),
    )


def _limit(pool: str, most: int) -> PassLine:
    return PassLine(measure=f"inflight_peak.{pool}", says=f"calls in flight at the {pool} pool", most=most)


STEADY = Scenario(
    name="steady",
    about="0.8 of the capacity",
    pools=(Pool(name="gpu", behaviour=Slots(slots=STEADY_SLOTS, delay=STEADY_SERVICE_S)),),
    table=one_pool(STEADY_SLOTS),
    arrivals=Poisson(rate=0.8 * STEADY_CAPACITY, seconds=15),
    classes=mix(5, 25, 70),
    capacity=STEADY_CAPACITY,
    compared=True,
    simulated_load=0.8,
    lines=(
        PassLine(measure="shed", says="nothing shed", most=0),
        PassLine(measure="added_p99_ms", says="added p99, ms", most=5),
        _limit("gpu", STEADY_SLOTS),
    ),
)
STEP = Scenario(
    name="step",
    about="0.5 of the capacity, then 10 times the capacity for 15 s, then 0.5",
    pools=(Pool(name="gpu", behaviour=Slots(slots=STEP_SLOTS, delay=STEP_SERVICE_S)),),
    table=one_pool(STEP_SLOTS),
    arrivals=Steps(
        steps=(
            Step(rate=0.5 * STEP_CAPACITY, seconds=3),
            Step(rate=10 * STEP_CAPACITY, seconds=15),
            Step(rate=0.5 * STEP_CAPACITY, seconds=3),
        )
    ),
    classes=mix(5, 25, 70),
    capacity=STEP_CAPACITY,
    callers=STEP_SLOTS,
    simulated_load=10.0,
    window_s=(4.0, 18.0),
    lines=(
        PassLine(measure="goodput_share", says="goodput over measured capacity in the step", least=0.95),
        PassLine(measure="good_share.A", says="A in time", least=0.999),
        _limit("gpu", STEP_SLOTS),
    ),
)
GRAY_AT_S = 2.5
"""Short, so that what meets the slow pool before its breaker opens is 2% of all and more: where the 99th
percentile stands at the edge of these, a request more or less moves it by a hundred milliseconds."""

GRAY = Scenario(
    name="gray",
    about="the gpu pool becomes 5 times slower, without errors",
    pools=(GPU, CPU),
    table=TWO_POOLS,
    arrivals=Poisson(rate=0.6 * CPU_CAPACITY, seconds=7),
    classes=mix(50, 25, 25),
    capacity=CAPACITY,
    faults=(Fault(at_s=GRAY_AT_S, pool="gpu", behaviour=Slots(slots=SLOTS, delay=5 * SERVICE_S)),),
    watched=Watched(application="1", since_s=GRAY_AT_S),
    simulated_load=0.6,
    lines=(
        PassLine(measure="breaker_s", says="breaker rejects after, s", most=2),
        PassLine(measure="good_share.A", says="A in time", least=0.99),
        _limit("cpu", CPU_SLOTS),
    ),
)


def _dead(how: str, behaviour: AnyBehaviour) -> Scenario:
    return Scenario(
        name=f"dead-{how}",
        about=f"the gpu pool is dead for 6 s ({how})",
        pools=(GPU, CPU),
        table=TWO_POOLS,
        arrivals=Poisson(rate=0.8 * CAPACITY, seconds=15),
        classes=mix(25, 25, 50),
        capacity=CAPACITY,
        faults=(
            Fault(at_s=4, pool="gpu", behaviour=behaviour),
            Fault(at_s=10, pool="gpu", behaviour=GPU.behaviour),
        ),
        lines=(
            PassLine(measure="good_share.A", says="A in time (it fits the cpu pool)", least=0.99),
            _limit("cpu", CPU_SLOTS),
        ),
    )


RELOAD = Scenario(
    name="reload",
    about="10 reloads a second, each fifth one invalid, at half the capacity",
    pools=(GPU,),
    table=ONE_POOL,
    arrivals=Poisson(rate=0.5 * CAPACITY, seconds=15),
    classes=mix(5, 25, 70),
    capacity=CAPACITY,
    reloads=Reloads(every_s=0.1, other=ONE_POOL_OTHERWISE),
    lines=(
        PassLine(measure="failed", says="nothing lost", most=0),
        PassLine(measure="reloads.accepted", says="tables taken", least=1),
        PassLine(measure="reloads.refused", says="bad tables refused", least=1),
        _limit("gpu", SLOTS),
    ),
)

KILL_SERVICE_S, KILL_SLOTS = 0.1, 4
KILL_CAPACITY = KILL_SLOTS / KILL_SERVICE_S
"""Calls long enough that the servers are still at work on those of the dead when the proxy has noticed."""

KILL_BACK_S_MAX = 5.0
"""From a kill until the permits of the dead are back: `DEPARTED_S`, 3 s, and as long as a busy machine
takes to find a process dead and to look."""

KILL = Scenario(
    name="kill",
    about="kill -9 of one of 3 processes every 2.5 s, also while it writes tickets; servers work on",
    pools=(Pool(name="gpu", behaviour=Slots(slots=KILL_SLOTS, delay=KILL_SERVICE_S)),),
    table=one_pool(KILL_SLOTS),
    arrivals=Poisson(rate=KILL_CAPACITY, seconds=20),
    classes=mix(5, 25, 70),
    capacity=KILL_CAPACITY,
    processes=3,
    kills=Kills(every_s=2.5),
    lines=(
        _limit("gpu", KILL_SLOTS),
        PassLine(measure="work_peak.gpu", says="at work at the gpu pool, for the dead too", most=KILL_SLOTS),
        PassLine(measure="kills.held_peak", says="in flight by the proxy's page", most=KILL_SLOTS),
        PassLine(measure="kills.done", says="processes killed", least=7),
        PassLine(measure="kills.met", says="kills that met tickets on their way", least=1),
        PassLine(measure="kills.departed_peak", says="permits that a dead one had", least=1),
        PassLine(measure="kills.back_s", says="the dead one's permits back after, s", most=KILL_BACK_S_MAX),
        PassLine(measure="tickets.promised", says="tickets acknowledged", least=20),
        PassLine(measure="tickets.lost", says="acknowledged and lost", most=0),
        PassLine(measure="tickets.wrong", says="ended with another answer", most=0),
        PassLine(measure="tickets.left", says="tickets of anybody that ended badly, or not", most=0),
    ),
)

SCENARIOS = (
    *(STEADY, STEP, GRAY),
    *(_dead("refused", Refuse()), _dead("reset", Reset()), _dead("black-hole", Never())),
    *(RELOAD, KILL),
)
