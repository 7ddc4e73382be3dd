"""A live scenario in virtual time: the same table, arrivals, classes, servers, and the hops as measured.

The production code decides in both. What differs is what the simulation stands for: a stub's slots are the
simulated server's, loopback and the two ends of a connection are `Hops`, and the machine is quiet.
"""

import statistics

import msgspec

from proxy.messages import Fallback, Verdict
from proxy.routing.parse import parse_table
from proxy.routing.table import Table
from sim.load.mix import RequestClass
from sim.load.plan import Plan, schedule
from sim.load.scenarios.measures import ClassFigures
from sim.load.scenarios.scenario import Fault, Pool, Scenario
from sim.stubs.behaviours import AnyBehaviour, Never, Refuse, Reset, Slots
from sim.world.checkers.roster import checkers_of
from sim.world.plan import Fault as WorldFault
from sim.world.plan import FaultKind, ServerPlan, Service, Stream, WorldPlan
from sim.world.world import World

REST_S = 1.0
"""How long the world goes on after the last arrival; whoever waits has been served or parked by then."""

ALL = "all"


class Hops(msgspec.Struct, frozen=True, kw_only=True):
    """What a request costs beside the service time, as it was measured at low load; in seconds.

    `server_s`: to the model server and back; a permit that comes back is idle for so long. `edge_s`: between
    the caller and the proxy, and inside it.
    """

    server_s: float
    edge_s: float

    def lesser(self, other: "Hops") -> "Hops":
        """Of two measurements: what else the machine does only ever adds."""
        return Hops(server_s=min(self.server_s, other.server_s), edge_s=min(self.edge_s, other.edge_s))


def world_of(scenario: Scenario, plan: Plan, hops: Hops) -> WorldPlan:
    """The plan of the world that this live run takes place in."""
    urls = {pool.name: f"http://{pool.name}:80" for pool in scenario.pools}
    text = scenario.table
    for name, url in urls.items():
        text = text.replace(f"${{{name.upper()}}}", url)
    table = parse_table(text, {})
    assert isinstance(table, Table), table.lines("the scenario's table")
    applications = {
        url: application for application, each in table.applications.items() for url in each.endpoints
    }
    return WorldPlan(
        table=text,
        servers=tuple(
            _server(pool, urls[pool.name], applications[urls[pool.name]], scenario, plan.seconds, hops)
            for pool in scenario.pools
        ),
        streams=_streams(plan),
        rest_s=REST_S,
    )


def played(scenario: Scenario, plan: Plan, hops: Hops) -> dict[str, ClassFigures]:
    """Run it under all checkers; the figures of each class and of all together, as a caller sees them.

    Raises AssertionError where an invariant is violated.
    """
    world_plan = world_of(scenario, plan, hops)
    world = World(world_plan, plan.seed, checkers_of(world_plan))
    violations = world.run()
    assert not violations, violations
    found: dict[str, tuple[list[float], dict[Verdict, int], int]] = {}
    for each, tally in zip(plan.classes, world.tallies, strict=True):
        served = tally.classes.get(each.name)
        latencies_s = [] if served is None else [took_s + hops.edge_s for took_s in served.latencies_s]
        verdicts = {} if served is None else served.verdicts
        good = sum(took_s * 1e3 <= each.deadline_ms for took_s in latencies_s)
        found[each.name] = latencies_s, verdicts, good
    figures = {name: _figures(*each) for name, each in found.items()}
    everything = [took_s for latencies_s, _, _ in found.values() for took_s in latencies_s]
    return {**figures, ALL: _together(figures, everything)}


def _streams(plan: Plan) -> tuple[Stream, ...]:
    """The schedule of the live run, a stream of each class."""
    share = schedule(plan)

    def stream(place: int, each: RequestClass) -> Stream:
        due_s = tuple(at_s for at_s, kind in zip(share.due_s, share.kinds, strict=True) if kind == place)
        return Stream(caller=each.name, labels=(each.label,), due_s=due_s, fallback=Fallback.QUEUE)

    return tuple(stream(place, each) for place, each in enumerate(plan.classes))


def _server(
    pool: Pool, url: str, application: str, scenario: Scenario, seconds: float, hops: Hops
) -> ServerPlan:
    assert isinstance(pool.behaviour, Slots), "a pool of known capacity"
    assert isinstance(pool.behaviour.delay, float), "a known service time"
    changes = [fault for fault in scenario.faults if fault.pool == pool.name]
    ends_s = [*(fault.at_s for fault in changes[1:]), seconds + REST_S]
    faults = [_fault(fault, until_s, pool.behaviour) for fault, until_s in zip(changes, ends_s, strict=False)]
    return ServerPlan(
        url=url,
        application=application,
        service=Service(base_s=pool.behaviour.delay),
        slots=pool.behaviour.slots,
        latency_s=hops.server_s / 2,
        works_on=True,
        faults=tuple(fault for fault in faults if fault is not None),
    )


def _fault(fault: Fault, until_s: float, usual: Slots) -> WorldFault | None:
    """What the stub's behaviour is in the world; None: it is as it was."""
    slower = _slower(fault.behaviour, usual)
    if slower == 1.0:
        return None
    kinds: dict[type[AnyBehaviour], FaultKind] = {
        Refuse: FaultKind.REFUSING,
        Reset: FaultKind.RESETTING,
        Never: FaultKind.BLACK_HOLE,
    }
    kind = FaultKind.SLOW if slower else kinds[type(fault.behaviour)]
    return WorldFault(kind=kind, from_s=fault.at_s, until_s=until_s, factor=slower or 1.0)


def _slower(behaviour: AnyBehaviour, usual: Slots) -> float | None:
    if not isinstance(behaviour, Slots):
        return None
    assert isinstance(behaviour.delay, float)
    assert isinstance(usual.delay, float)
    return behaviour.delay / usual.delay


def _figures(latencies_s: list[float], verdicts: dict[Verdict, int], good: int) -> ClassFigures:
    tickets = verdicts.get(Verdict.PARKED, 0)
    arrivals = sum(verdicts.values())
    return ClassFigures(
        arrivals=arrivals,
        good=good,
        late=len(latencies_s) - good,
        tickets=tickets,
        failed=arrivals - len(latencies_s) - tickets,
        p50_ms=_quantile_ms(latencies_s, 50),
        p99_ms=_quantile_ms(latencies_s, 99),
    )


def _together(figures: dict[str, ClassFigures], latencies_s: list[float]) -> ClassFigures:
    counts = {
        name: sum(getattr(each, name) for each in figures.values())
        for name in ("arrivals", "good", "late", "tickets", "failed")
    }
    return ClassFigures(**counts, p50_ms=_quantile_ms(latencies_s, 50), p99_ms=_quantile_ms(latencies_s, 99))


def _quantile_ms(times_s: list[float], percent: int) -> float:
    if len(times_s) < 2:
        return 1e3 * sum(times_s)
    return 1e3 * statistics.quantiles(times_s, n=100, method="inclusive")[percent - 1]
