"""The search for the fewest machines, on curves whose edge is known."""

import pytest

from sim.simulate.search import fewest, next_try


def searched(
    edge: float, now: float, *, step: float = 1.0, near: float = 0.0, most: float = 6_400
) -> list[float]:
    """All that were tried, in order, of a night that takes `edge` machines."""
    tried: dict[float, bool] = {}
    while (count := next_try(tried, now, least=step, most=most, step=step, near_share=near)) is not None:
        assert count not in tried, "nothing is tried twice"
        tried[count] = count >= edge
    return list(tried)


@pytest.mark.parametrize("edge", [1, 2, 3, 50, 99, 100, 101, 137, 777, 6_400])
def test_the_edge_is_found_to_the_machine(edge: float) -> None:
    """From far above and far below, with as many runs as halving takes."""
    tried = searched(edge, 100.0)
    assert fewest({each: each >= edge for each in tried}) == edge
    assert len(tried) <= 19
    assert tried[0] == 100


def test_a_search_that_may_be_coarse_ends_earlier() -> None:
    """Within 2% of 1,000 there is no need for the last machine."""
    tried = searched(1_000, 100.0, near=0.02)
    assert 1_000 <= min(each for each in tried if each >= 1_000) <= 1_020
    assert len(tried) < len(searched(1_000, 100.0))


def test_only_multiples_of_the_step_are_tried_beside_what_there_is_now() -> None:
    """A thinned pool has no finer slots."""
    tried = searched(137, 100.0, step=8)
    assert all(each % 8 == 0 for each in tried[1:])
    assert fewest({each: each >= 137 for each in tried}) == 144


def test_where_no_number_is_enough_the_search_ends() -> None:
    """A threshold below the service time is met by no machines."""
    tried = searched(float("inf"), 100.0)
    assert tried == [100, 200, 400, 800, 1600, 3200, 6400]
    assert fewest(dict.fromkeys(tried, False)) is None
