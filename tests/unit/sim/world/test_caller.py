"""Callers of the world: open-loop, patient or not, naive or not."""

from proxy.messages import Verdict
from sim.world.history import History
from sim.world.loop import STARTS_S
from sim.world.plan import FaultKind, Phase, Spacing
from sim.world.world import World
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, world_plan

DEAD = (server(FIRST, fault(FaultKind.REFUSING)), server(SECOND, fault(FaultKind.REFUSING)))
HOLES = (server(FIRST, fault(FaultKind.BLACK_HOLE)), server(SECOND, fault(FaultKind.BLACK_HOLE)))


def test_even_arrivals_come_in_equal_steps_and_poisson_ones_at_the_rate() -> None:
    """A load is what it says."""
    even = Phase(from_s=0.0, until_s=1.001, rate=100, spacing=Spacing.EVEN)
    poisson = Phase(from_s=1.0, until_s=11.0, rate=100)
    world = World(world_plan(stream(phases=(even,)), stream(phases=(poisson,))), 1)
    assert not world.run()
    assert world.tallies[0].orders == 100
    assert 900 < world.tallies[1].orders < 1100


def test_nobody_waits_for_an_answer_before_the_next_is_sent() -> None:
    """A closed loop would hide the load that an outage builds up."""
    world = World(world_plan(stream(rate=100, until_s=1.0), servers=HOLES, drained=False), 1)
    assert not world.run()
    assert world.tallies[0].orders > 80


def test_an_impatient_caller_leaves() -> None:
    """And its order ends so."""
    plan = world_plan(stream(rate=20, patience_s=0.05), servers=HOLES, drained=False)
    world = World(plan, 1)
    assert not world.run()
    tally = world.tallies[0].classes["urgent"]
    assert tally.verdicts[Verdict.ABANDONED] == world.tallies[0].orders


def test_a_naive_caller_retries_and_its_order_ends_once() -> None:
    """Retries multiply the load, and the goodput counts orders."""
    plan = world_plan(stream(rate=20, retries_max=3), servers=DEAD, drained=False)
    world = World(plan, 1)
    assert not world.run()
    tally = world.tallies[0]
    assert tally.classes["urgent"].orders == tally.orders
    assert world.taken == 4 * tally.orders


def test_an_answer_counts_as_good_within_the_deadline_alone() -> None:
    """An order's latency counts from the moment at which it was meant to be sent, retries included."""
    plan = world_plan(stream(rate=20))
    world = World(plan, 1)
    assert not world.run()
    tally = world.tallies[0].classes["urgent"]
    assert tally.good == tally.orders == world.tallies[0].orders
    assert 0.01 < tally.latency_s(0.5) < 0.011


def test_a_listed_schedule_is_kept_to_the_moment() -> None:
    """What a live run sends, and when."""
    due_s = (0.1, 0.25, 0.25, 0.9)
    world = World(world_plan(stream(phases=(), due_s=due_s)), 1, history=History(whole=True))
    assert not world.run()
    lines = [line for line in world.history.last(10**6) if "arrives" in line]
    assert [round(float(line.split()[0]) - STARTS_S, 6) for line in lines] == list(due_s)
