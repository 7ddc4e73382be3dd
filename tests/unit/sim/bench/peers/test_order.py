"""Who is measured after whom."""

import random

from sim.bench.peers.order import in_turn

TWINS = {"a": "", "b": "", "c": "", "b-few": "b", "d-few": "d"}


def test_every_name_comes_once_and_twins_come_together_in_either_order() -> None:
    """A peer that always followed its twin would always meet the warmer machine."""
    rng = random.Random(3)
    gaps = set()
    for _ in range(50):
        order = in_turn(TWINS, rng)
        assert sorted(order) == sorted(TWINS)
        gaps.add(order.index("b") - order.index("b-few"))
    assert gaps == {1, -1}


def test_everybody_comes_first_and_last_some_time() -> None:
    """Also one whose twin is not there."""
    rng = random.Random(3)
    orders = [in_turn(TWINS, rng) for _ in range(200)]
    assert {order[0] for order in orders} == set(TWINS)
    assert {order[-1] for order in orders} == set(TWINS)
