"""A world: that bugs end it and are told, and that its parts are the production's."""

from typing import Any

import pytest

from proxy.messages import Fallback
from proxy.qos.gate import Gate
from proxy.timers import Wheel
from sim.world.baselines import no_permits
from sim.world.checkers.concurrency import Concurrency
from sim.world.loop import WorldLoop
from sim.world.plan import FaultKind
from sim.world.watch import KEPT_MAX, Checker
from sim.world.world import World
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, world_plan


def test_a_bug_that_production_code_catches_and_logs_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller gets a 500 and the proxy lives on; the world must not."""
    monkeypatch.setattr(Gate, "leave", lambda *_: 1 / 0)
    (found,) = {each.rule for each in World(world_plan(), 1).run()}
    assert found == "no bug shows"


def test_a_bug_that_is_raised_is_a_violation_with_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its traceback is not needed to replay it."""
    monkeypatch.setattr("proxy.pipeline.Exchange.begin", lambda _: 1 / 0)
    found = World(world_plan(), 1).run()
    assert "ZeroDivisionError" in found[0].what
    assert "arrives" in found[0].events[-1]


def breaks() -> None:
    """A bug."""
    raise ZeroDivisionError


def test_a_timer_that_breaks_is_a_violation() -> None:
    """The wheel goes on with the others and reports it."""
    world = World(world_plan(), 1)
    timers: Any = world.pipeline.snapshot.ground.timers
    assert isinstance(timers, Wheel)
    timers.after(0.1, breaks)
    assert "timer_broke" in world.run()[0].what


def test_a_world_in_which_nothing_can_happen_any_more_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of waiting for ever."""
    world = World(world_plan(drained=False), 1)
    monkeypatch.setattr(world, "_sleep", lambda _: world.loop.create_future())
    assert world.run()[0].rule == "it comes to an end"


def test_the_drain_stops_with_the_world_and_gives_its_tickets_back() -> None:
    """A ticket under way at the end is pending again."""
    hole = (server(FIRST, fault(FaultKind.BLACK_HOLE)), server(SECOND, fault(FaultKind.BLACK_HOLE)))
    plan = world_plan(
        stream(rate=50.0, fallback=Fallback.AT_ONCE, labels=("8",)),
        table=world_plan().table.replace("timeout: 100", "timeout: 100000"),
        servers=hole,
        rest_s=2.0,
    )
    world = World(plan, 1)
    assert not world.run()
    assert world.queue.pending() > 30
    assert any(verdict == "abandoned" for _, _, verdict in world.meters.requests)


def test_who_asks_for_the_end_of_each_instant_is_told() -> None:
    """Only then does it cost anything."""

    class Counting(Checker):
        rule = "counting"
        count = 0

        def rested(self) -> None:
            self.count += 1

    counting = Counting()
    assert not World(world_plan(), 1, (counting,)).run()
    assert counting.count > 100
    assert World(world_plan(), 1).loop.rested is None


def test_the_loop_tells_what_asyncio_asks() -> None:
    """As a running loop without debugging."""
    loop = WorldLoop()
    assert loop.is_running()
    assert not loop.is_closed()
    assert not loop.get_debug()
    with pytest.raises(AssertionError, match="went wrong"):
        loop.call_exception_handler({"message": "went wrong"})


def test_a_world_that_runs_to_its_end_keeps_only_the_first_violations() -> None:
    """A proxy without limits breaks the rule with each call, and its figures are wanted all the same."""
    busy = world_plan(stream(rate=1000.0, until_s=1.0), table=world_plan().table.replace("y: 4", "y: 1"))
    world = World(busy, 1, (Concurrency(),), permits_of=no_permits, to_the_end=True)
    assert len(world.run()) == KEPT_MAX
    assert sum(each.orders for tally in world.tallies for each in tally.classes.values()) > 900
