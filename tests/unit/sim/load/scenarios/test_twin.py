"""A live scenario in virtual time: its schedule, servers and faults; the errors beside the live run."""

import msgspec
import pytest

from sim.load.arrivals import Constant
from sim.load.plan import Plan, schedule
from sim.load.scenarios.beside import compared, live_figures
from sim.load.scenarios.catalog import CPU, GPU, GRAY, SCENARIOS, SERVICE_S, SLOTS, STEADY
from sim.load.scenarios.measures import ClassFigures
from sim.load.scenarios.scenario import Scenario
from sim.load.scenarios.twin import ALL, Hops, played, world_of
from sim.load.target import read_target
from sim.world.plan import FaultKind
from tests.unit.sim.load.scenarios.test_measures import played as answered

HOPS = Hops(server_s=0.001, edge_s=0.002)


def plan_of(scenario: Scenario, seed: int = 1) -> Plan:
    return Plan(
        target=read_target("http://127.0.0.1:9/"),
        arrivals=scenario.arrivals,
        classes=scenario.classes,
        seed=seed,
    )


def test_every_request_is_due_when_it_is_in_the_live_run_and_of_the_same_class() -> None:
    """Another draw of the arrivals would be another load, with another tail."""
    plan = plan_of(GRAY)
    share = schedule(plan)
    streams = world_of(GRAY, plan, HOPS).streams
    due = sorted((at_s, each.labels[0]) for each in streams for at_s in each.due_s)
    live = sorted(
        (at_s, plan.classes[kind].label) for at_s, kind in zip(share.due_s, share.kinds, strict=True)
    )
    assert due == live


def test_a_pool_becomes_a_server_of_the_same_law_behind_the_hop() -> None:
    """Slots and service time are the stub's; it serves on for who has left, as the stub does."""
    gpu, cpu = world_of(GRAY, plan_of(GRAY), HOPS).servers
    assert (gpu.application, cpu.application) == ("1", "2")
    assert (gpu.slots, gpu.service.base_s, gpu.latency_s, gpu.works_on) == (SLOTS, SERVICE_S, 0.0005, True)
    assert cpu.slots == CPU.behaviour.slots  # type: ignore[union-attr]
    (slow,) = gpu.faults
    assert (slow.kind, slow.factor, slow.from_s) == (FaultKind.SLOW, 5.0, GRAY.faults[0].at_s)
    assert not cpu.faults


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dead-refused", FaultKind.REFUSING),
        ("dead-reset", FaultKind.RESETTING),
        ("dead-black-hole", FaultKind.BLACK_HOLE),
    ],
)
def test_a_dead_pool_is_dead_in_the_twin_for_as_long(name: str, kind: FaultKind) -> None:
    """And is back at the same moment."""
    (scenario,) = [each for each in SCENARIOS if each.name == name]
    (fault,) = world_of(scenario, plan_of(scenario), HOPS).servers[0].faults
    assert (fault.kind, fault.from_s, fault.until_s) == (kind, 4.0, 10.0)


def test_the_twin_counts_as_a_caller_does() -> None:
    """From the planned moment to the answer's arrival: the service time and all hops."""
    quiet = msgspec.structs.replace(STEADY, pools=(GPU,), arrivals=Constant(rate=40, seconds=1))
    found = played(quiet, plan_of(quiet), HOPS)
    everything = found[ALL]
    assert everything.arrivals == everything.good == 40
    assert (everything.late, everything.tickets, everything.failed) == (0, 0, 0)
    assert everything.p50_ms == pytest.approx(1e3 * (SERVICE_S + 0.003), abs=0.01)
    assert sum(found[name].arrivals for name in "ABC") == 40


def test_what_arrives_at_the_proxy_in_time_may_be_late_at_the_caller() -> None:
    """The edge's hop counts there too."""
    tight = msgspec.structs.replace(STEADY, pools=(GPU,), arrivals=Constant(rate=40, seconds=1))
    late = played(tight, plan_of(tight), Hops(server_s=0.001, edge_s=0.3))
    assert late["A"].late == late["A"].arrivals > 0
    assert late["C"].good == late["C"].arrivals


def figures(good: int, p50_ms: float, p99_ms: float) -> ClassFigures:
    return ClassFigures(arrivals=100, good=good, late=0, tickets=0, failed=0, p50_ms=p50_ms, p99_ms=p99_ms)


def test_errors_are_signed_and_those_that_are_too_large_are_marked() -> None:
    """Positive: the simulation promises more than there was."""
    live, simulated = {"A": figures(100, 20.0, 50.0)}, {"A": figures(103, 19.5, 44.0)}
    rows = compared(live, simulated, seconds=10.0, load=0.8)
    assert [row.figure for row in rows] == ["throughput", "p50_ms", "p99_ms"]
    assert [row.error for row in rows] == pytest.approx([0.03, -0.025, -0.12])
    assert [row.within for row in rows] == [False, True, False]
    assert rows[0].live == 10.0


def test_beyond_the_load_that_is_judged_only_throughput_is() -> None:
    """Latency under overload is how long the lines are, which is the table's word."""
    live, simulated = {"A": figures(100, 20.0, 50.0)}, {"A": figures(100, 40.0, 500.0)}
    rows = compared(live, simulated, seconds=10.0, load=10.0)
    assert [row.within for row in rows] == [True, None, None]


def test_nothing_got_through_is_no_error_where_nothing_did_in_both() -> None:
    """And the whole where something did in one."""
    nothing, something = {"A": figures(0, 0.0, 0.0)}, {"A": figures(1, 1.0, 1.0)}
    assert [row.error for row in compared(nothing, nothing, 1.0, 0.5)] == [0.0, 0.0, 0.0]
    assert [row.error for row in compared(nothing, something, 1.0, 0.5)] == [1.0, 1.0, 1.0]


def test_the_live_figures_have_all_classes_together_too() -> None:
    """Counts add up, and quantiles are those of all answers."""
    found = live_figures(answered(latency_s=0.025, tickets=7))
    assert found[ALL].arrivals == sum(found[name].arrivals for name in "ABC")
    assert found[ALL].tickets == 7
    assert found[ALL].p50_ms == pytest.approx(25, abs=0.1)


def test_of_two_measurements_of_the_hops_the_lesser_counts() -> None:
    """A busy moment is no property of the machine."""
    assert Hops(server_s=0.004, edge_s=0.001).lesser(Hops(server_s=0.001, edge_s=0.002)) == Hops(
        server_s=0.001, edge_s=0.001
    )
