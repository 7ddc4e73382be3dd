"""I1 concurrency: broken on purpose."""

import pytest

from proxy.qos.permits import Permits, own_permits
from proxy.routing.table import Application
from proxy.tiers.zombie import Zombie
from sim.world.checkers.concurrency import Concurrency, ConcurrencyOfAll
from sim.world.plan import Phase, ReloadPlan, Service, Spacing
from sim.world.world import World
from tests.stand_ins.world import FIRST, SECOND, server, stream, table, violations_of, world_plan

BUSY = world_plan(stream(rate=1000.0, until_s=0.5), table=table("concurrency: 3", "concurrency: 3"))


def one_too_many(application: Application) -> Permits:
    """Permits that admit one more than they should."""
    assert application.concurrency is not None
    return Permits(concurrency=application.concurrency + 1, rate=None, burst=None)


def test_permits_that_keep_the_limit_are_left_alone() -> None:
    """Full, but never over."""
    checker = Concurrency()
    world = World(BUSY, 1, (checker,))
    assert not world.run()
    assert world.meters.passed_over["1", "concurrency"] > 0


def test_one_call_too_many_is_seen() -> None:
    """One is enough."""
    found = violations_of(BUSY, (Concurrency(),), permits_of=one_too_many)
    assert found[0].rule == "I1 concurrency"
    assert "4 calls in flight, 3 at most" in found[0].what
    assert any("is called" in event for event in found[0].events)


class EndlessPermits(Permits):
    """Gives permits back that were never taken."""

    def give_back(self) -> None:
        self.in_flight = 0


def test_a_limit_that_a_reload_lowers_binds_the_next_call_only() -> None:
    """What is in flight was allowed when it began."""
    plan = world_plan(
        stream(rate=1000.0, until_s=0.5),
        table=table("concurrency: 8"),
        reloads=(ReloadPlan(at_s=0.1, table=table("concurrency: 2")),),
    )
    assert not violations_of(plan, (Concurrency(),))
    found = violations_of(
        plan, (Concurrency(),), permits_of=lambda a: EndlessPermits(concurrency=2, rate=None, burst=None)
    )
    assert found


ZOMBIES = world_plan(
    stream(rate=100.0, labels=("8",)),
    table=table("concurrency: 2", "concurrency: 1"),
    servers=(server(FIRST, service=Service(base_s=0.5), works_on=True), server(SECOND)),
)


def test_zombies_keep_their_permits_at_the_backend() -> None:
    """Each call is given up after 100 ms, and its server works on for 400 more."""
    assert not violations_of(ZOMBIES, (Concurrency(),), permits_of=own_permits)


def test_zombies_beyond_the_limit_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A permit that comes back while the work goes on lets one call too many in."""

    def at_once(self: Zombie) -> None:
        self._call.abandon(lambda answered: None)
        self._gate.release(self._pass, self._ground.now())

    monkeypatch.setattr(Zombie, "follow", at_once)
    found = violations_of(ZOMBIES, (Concurrency(),), permits_of=own_permits)
    assert found[0].rule == Concurrency.rule


def test_a_second_gate_beside_the_first_is_seen() -> None:
    """A request of an older table still goes through the first one, and both let a whole limit through."""
    burst = Phase(from_s=0.0, until_s=1.0, rate=1, spacing=Spacing.BURST)
    later = Phase(from_s=0.09, until_s=1.0, rate=4, spacing=Spacing.BURST)
    plan = world_plan(
        stream(phases=(burst,)),
        stream(phases=(later,), labels=("9",)),
        table=table("concurrency: 4", "concurrency: 4") + ONLY_SECOND,
        servers=(server(FIRST, service=Service(base_s=1.0)), server(SECOND, service=Service(base_s=0.05))),
        drained=False,
    )
    world = World(plan, 1, (ConcurrencyOfAll(), Concurrency()))
    world.loop.at(world.began_s + 0.01, _new_gates, world)
    assert [each.rule for each in world.run()] == [ConcurrencyOfAll.rule]


ONLY_SECOND = "  - {application: 2, timeout: 100, weight: 1, priority: 0, clusterType: http, label: [9]}\n"


def _new_gates(world: World) -> None:
    """A reload that finds no gate to adopt."""
    before = world.pipeline.snapshot
    world.pipeline.swap(world.builder.build(before.table, world.labels, None, before.generation + 1))
    for hook in world.watch.reloaded:
        hook(before, world.pipeline.snapshot, True)
