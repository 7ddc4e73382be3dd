"""The comparison with a live run: what it ends with, and when it says nothing."""

import io
import subprocess
import sys

import msgspec
import pytest
from rich.console import Console

from sim.load.scenarios.twin import Hops
from sim.replay.outcome import INVALID, MET, MISSED, Outcome
from sim.simulate.errand import simulate
from sim.simulate.faithful import CAPACITY, PLAN, TABLE, Others, fleet_of, own_s, told
from sim.simulate.ground import Ground
from tests.unit.sim.simulate.nights import ground_of, plan_of

HOPS = Hops(server_s=0.0005, edge_s=0.0005)


@pytest.fixture(scope="module")
def virtual() -> Outcome:
    """One stage of 60% of a small fleet."""
    return simulate(plan_of(), ground_of())[0]


def ended(live: Outcome, virtual: Outcome, others: float = 0.0) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=200)
    status = told(console, live, virtual, HOPS, others)
    assert isinstance(console.file, io.StringIO)
    return status, console.file.getvalue()


def test_it_ends_with_what_was_missed_or_with_why_it_says_nothing(virtual: Outcome) -> None:
    """Other programs slow a live run, and no simulation knows of them."""
    live = msgspec.structs.replace(virtual, simulated=None)
    assert ended(live, virtual)[0] == MET
    late = msgspec.structs.replace(live, exit_code=INVALID, invalid=["the generator was late"])
    assert ended(late, virtual)[0] == INVALID
    status, said = ended(live, virtual, others=0.2)
    assert status == INVALID
    assert "other programs had 20% of the processors meanwhile; 10% are allowed" in said
    slower = live.classes["all"].stages["quiet"]
    slower = msgspec.structs.replace(slower, latency_ms={**slower.latency_ms, "p50": 1.0})
    classes = {"all": msgspec.structs.replace(live.classes["all"], stages={"quiet": slower})}
    missed = msgspec.structs.replace(live, classes=classes, stages=live.stages[:1])
    assert ended(missed, virtual)[0] == MISSED


def test_the_simulated_fleet_serves_what_the_stubs_do() -> None:
    """The plan's stages are shares of it; its table and fleet fit together."""
    fleet = fleet_of(HOPS)
    assert sum(each.full_rate for each in fleet.pools) == pytest.approx(CAPACITY)
    plan = plan_of("scale: 0.01\n", PLAN)
    outcome, _ = simulate(plan, Ground(table=TABLE, fleet=fleet))
    assert outcome.exit_code == MET


def test_what_children_that_have_ended_used_is_the_runs_own() -> None:
    """Or the proxy and the generator would be other programs."""
    others, before_s = Others(), own_s()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert own_s() > before_s
    assert 0 <= others.share() <= 1
