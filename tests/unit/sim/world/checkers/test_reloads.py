"""I10: broken on purpose."""

from typing import Any

import pytest

from proxy.messages import Reply
from proxy.qos.breaker import Breaker
from proxy.qos.gate import Gate
from sim.world.checkers.reloads import Reloads
from sim.world.plan import FaultKind, ReloadPlan
from sim.world.world import World
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, table, violations_of, world_plan

CHANGED = table().replace("weight: 1", "weight: 2")
TEXTS = (CHANGED, "version: 1", table(), "routes: [")
RELOADED = world_plan(
    stream(rate=200.0),
    reloads=tuple(ReloadPlan(at_s=0.45 + 0.1 * place, table=text) for place, text in enumerate(TEXTS)),
    servers=(server(FIRST, fault(FaultKind.REFUSING, until_s=0.8)), server(SECOND)),
)


def test_reloads_that_keep_everything_are_left_alone() -> None:
    """Two good ones and two bad ones, with calls in flight and a breaker open."""
    world = World(RELOADED, 1, (Reloads(),))
    assert not world.run()
    assert world.pipeline.snapshot.generation == 3


def test_a_gate_that_is_made_anew_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its calls in flight would count no more."""
    world = World(RELOADED, 1, (Reloads(),))
    build = world.builder.build
    monkeypatch.setattr(
        world.builder,
        "build",
        lambda table, labels, previous: build(table, labels, None, previous.generation + 1),
    )
    assert any("has a new gate" in each.what for each in world.run())


def give_back_all_but_one(gate: Gate) -> None:
    """So that there is always something to lose."""
    if gate.permits.in_flight > 1:
        gate.permits.give_back()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda gate: setattr(gate, "breaker", Breaker(gate.application.breaker)), "breaker was"),
        (lambda gate: setattr(gate.permits, "in_flight", 0), "permits was"),
        (lambda gate: setattr(gate, "drained", True), "drain was"),
        (lambda gate: setattr(gate.endpoints[0], "held_until_s", 1e6), "calls and quiet were"),
    ],
)
def test_state_that_a_reload_loses_is_seen(spoil: Any, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of a gate's state by itself."""
    adopt = Gate.adopt

    def spoiling(gate: Gate, application: Any, now: float) -> None:
        adopt(gate, application, now)
        spoil(gate)

    monkeypatch.setattr(Gate, "adopt", spoiling)
    monkeypatch.setattr(Gate, "release", lambda self, taken, now: give_back_all_but_one(self))
    assert any(what in each.what for each in violations_of(RELOADED, (Reloads(),)))


def test_a_refused_table_that_changes_something_is_seen() -> None:
    """All or nothing."""
    world = World(RELOADED, 1, (Reloads(),))
    reload = world._reload

    def careless(text: str) -> None:
        reload(text)
        if text == "version: 1":
            checker.reloaded(
                world.pipeline.snapshot,
                world.builder.build(world.pipeline.snapshot.table, world.labels, world.pipeline.snapshot),
                False,
            )

    (checker,) = (each for each in world.watch.checkers if isinstance(each, Reloads))
    for each in RELOADED.reloads:
        world.loop.at(world.began_s + each.at_s + 0.01, careless, each.table)
    assert any("a refused table changed something" in each.what for each in world.run())


def test_a_reply_of_another_generation_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is served by one table from its beginning to its end."""
    import proxy.pipeline

    original = proxy.pipeline.Exchange._reply

    def newest(exchange: Any, verdict: Any, answer: Any) -> Reply:
        exchange._snapshot = exchange._pipeline.snapshot
        return original(exchange, verdict, answer)

    monkeypatch.setattr(proxy.pipeline.Exchange, "_reply", newest)
    assert any("ended in" in each.what for each in violations_of(RELOADED, (Reloads(),)))
