"""Several predictors of the same models: who gets what, and what one's death costs the others."""

from time import monotonic
from typing import Any

import pytest

from tests.stand_ins.front_end import World, entry_of, request_of
from workers.entry import Entry
from workers.errors import NotReady, Overloaded
from workers.pool import key_of
from workers.tree.health import FAILURES_DOUBTED, LATELY_S
from workers.tree.ledger import FAILED, SUCCEEDED_NS

ONE, OTHER = 0, 1  # seats


@pytest.fixture
async def world() -> Any:
    made = World(predictors=2)
    yield made
    made.close()


def serve(world: World, **more: Any) -> Entry:
    """A model that both have."""
    entry = world.serve(entry_of(**{"queued_max": 8, **more}))
    world.served[key_of(entry)].seats = (ONE, OTHER)
    world.other.set(0, SUCCEEDED_NS, int(monotonic() * 1e9))
    return entry


def waiting(world: World) -> list[int]:
    return [world.desk.at(ONE), world.desk.at(OTHER)]


async def test_each_request_goes_where_least_is_outstanding(world: World) -> None:
    """A device that is slow gets as much as it does."""
    entry = serve(world)
    for _ in range(4):
        world.pool.infer(entry, request_of(1), None)
    assert waiting(world) == [2, 2]
    for job in world.jobs(OTHER):
        world.answer_with(job, 1, seat=OTHER)
    for _ in range(3):
        world.pool.infer(entry, request_of(1), None)
    assert waiting(world) == [3, 2]


async def test_a_dead_ones_share_goes_to_the_others_at_once(world: World) -> None:
    """What was there is refused; what is elsewhere goes on, and all that comes."""
    entry = serve(world)
    served = world.served[key_of(entry)]
    futures = [world.pool.infer(entry, request_of(1), None) for _ in range(4)]
    served.seats = (OTHER,)  # as the front does, before it vacates
    world.desk.vacated(ONE)
    assert [isinstance(future.exception(), NotReady) for future in futures if future.done()] == [True, True]
    futures.append(world.pool.infer(entry, request_of(1), None))
    assert waiting(world) == [0, 3]
    for job in world.jobs(OTHER):
        world.answer_with(job, 7, seat=OTHER)
    assert sum(future.exception() is None for future in futures) == 3
    assert world.at_rest()


async def test_twice_as_many_may_wait_at_two_and_half_when_one_is_gone(world: World) -> None:
    """Each has a line of its own."""
    entry = serve(world, queued_max=1)  # and one that runs
    for _ in range(4):
        world.pool.infer(entry, request_of(1), None)
    with pytest.raises(Overloaded):
        world.pool.infer(entry, request_of(1), None)
    world.served[key_of(entry)].seats = (OTHER,)
    assert world.served[key_of(entry)].admitted_max == 2


async def test_a_model_is_ready_while_one_of_them_is_well(world: World) -> None:
    """Each writes of itself; what another wrote must not speak for it."""
    entry = serve(world)
    assert world.pool.ready(entry)
    world.predictor.set(0, FAILED, FAILURES_DOUBTED)
    assert world.pool.ready(entry)
    world.other.set(0, SUCCEEDED_NS, int((monotonic() - LATELY_S) * 1e9))
    assert not world.pool.ready(entry)
    world.predictor.set(0, FAILED, 0)
    assert world.pool.ready(entry)
    world.served[key_of(entry)].seats = (ONE,)
    assert not world.pool.ready(entry)


async def test_the_batches_of_both_are_counted(world: World) -> None:
    """In a column each: two that count in one place lose some."""
    entry = serve(world)
    world.other.count_batch(0, 8, 1, 10, 100)
    world.predictor.count_batch(0, 8, 2, 20, 200)
    world.predictor.count_batch(0, 1, 3, 30, 300)
    found = world.pool.statistics(entry)
    assert found.execution_count == 3
    assert {size: (times[0].count, times[1].ns) for size, times in found.batches.items()} == {
        1: (1, 30),
        8: (2, 30),
    }
