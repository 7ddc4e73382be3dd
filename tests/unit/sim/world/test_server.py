"""Model servers of the world: slots, their own queue, load, faults, zombies."""

from typing import Any

import pytest

from proxy.messages import Outcome
from sim.world.plan import FaultKind, Phase, ServerPlan, Service, Spacing
from sim.world.watch import Checker
from sim.world.world import World
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, table, world_plan

NO_LIMIT = table("model: m", "model: m")


class Ends(Checker):
    """When calls ended at the backend, and how many were inside at most."""

    rule = "ends"

    def __init__(self) -> None:
        super().__init__()
        self.left_s: list[float] = []
        self.inside_max = 0
        self.given_up_s: list[float] = []

    def opened(self, world: World) -> None:
        self._world = world

    def entered(self, flight: Any) -> None:
        self.inside_max = max(self.inside_max, flight.server.inside)

    def left(self, flight: Any) -> None:
        self.left_s.append(round(self._world.loop.now_s - self._world.began_s, 6))

    def given_up(self, flight: Any) -> None:
        self.given_up_s.append(round(self._world.loop.now_s - self._world.began_s, 6))


def run(first: ServerPlan, count: int = 1, **fields: Any) -> tuple[World, Ends]:
    """`count` requests at once."""
    burst = (Phase(from_s=0.0, until_s=0.1, rate=count, spacing=Spacing.BURST),)
    ends = Ends()
    plan = world_plan(
        stream(phases=burst, labels=("8",), **fields),
        table=NO_LIMIT,
        servers=(first, server(SECOND)),
        drained=False,
    )
    world = World(plan, 1, (ends,))
    assert not world.run()
    return world, ends


def test_beyond_its_slots_requests_wait_in_its_own_queue() -> None:
    """True parallelism is the slots; the rest is waiting, wherever it happens."""
    _, ends = run(server(slots=2, latency_s=0.0), count=4)
    assert ends.left_s == [0.01, 0.01, 0.02, 0.02]
    assert ends.inside_max == 4


def test_past_the_knee_and_in_a_batch_the_service_takes_longer() -> None:
    """The mean is (base + each × n), and half as much again for each one past the knee."""
    service = Service(base_s=0.01, each_s=0.001, knee=1, slope=0.5)
    _, ends = run(server(latency_s=0.0, service=service), count=2)
    assert ends.left_s == [0.011, 0.018]


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (FaultKind.REFUSING, Outcome.REFUSED),
        (FaultKind.RESETTING, Outcome.RESET),
        (FaultKind.BLACK_HOLE, Outcome.TIMEOUT),
        (FaultKind.HALF, Outcome.RESET),
        (FaultKind.THROTTLING, Outcome.THROTTLED),
        (FaultKind.FAILING, Outcome.FAILED),
        (FaultKind.GARBAGE, Outcome.GARBAGE),
    ],
)
def test_each_fault_is_the_outcome_that_it_stands_for(kind: FaultKind, outcome: Outcome) -> None:
    """And the request goes on to the next tier."""
    status = 429 if kind is FaultKind.THROTTLING else 500
    world, _ = run(server(FIRST, fault(kind, status=status, retry_after_s=1)))
    assert world.meters.attempts == {("1", outcome): 1, ("2", Outcome.OK): 1}


def test_a_slow_server_is_so_many_times_slower() -> None:
    """Slower than the row's timeout it answers nobody."""
    _, ends = run(server(FIRST, fault(FaultKind.SLOW, factor=5.0), latency_s=0.0))
    assert ends.left_s[0] == 0.05


def test_a_fault_of_a_share_meets_that_share() -> None:
    """Seeded: the count is this seed's."""
    world, _ = run(server(FIRST, fault(FaultKind.FAILING, share=0.3), slots=100), count=100)
    assert 15 < world.meters.attempts["1", Outcome.FAILED] < 45


def test_a_fault_ends() -> None:
    """After it the server is as it was."""
    broken = fault(FaultKind.REFUSING, until_s=0.5)
    plan = world_plan(
        stream(rate=20, until_s=2.0, labels=("8",)), servers=(server(FIRST, broken), server(SECOND))
    )
    world = World(plan, 1)
    assert not world.run()
    assert world.meters.attempts["1", Outcome.OK] > 10


def test_a_server_stops_when_its_client_hangs_up() -> None:
    """The end is where the hang-up has travelled."""
    slow = Service(base_s=1.0)
    _, ends = run(server(FIRST, service=slow, latency_s=0.002, slots=1), count=2)
    assert ends.given_up_s == [0.101, 0.101]
    assert ends.left_s[:2] == [0.103, 0.103]


def test_a_zombie_works_on_for_nobody() -> None:
    """That is what the true concurrency must count."""
    slow = Service(base_s=1.0)
    _, ends = run(server(FIRST, service=slow, latency_s=0.0, works_on=True))
    assert ends.left_s == [0.1112, 1.0]
