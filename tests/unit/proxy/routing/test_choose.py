"""The weighted draw: its bounds, what it never draws, and a plain twin that it agrees with."""

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.choose import choose, choose_by
from proxy.routing.table import Row

JUST_BELOW_ONE = 1 - 2**-53


def rows(*weights: float) -> list[Row]:
    return [
        Row(
            number=place,
            application=str(place),
            timeout_s=1,
            weight=weight,
            priority=0,
            cluster_type="http",
            labels=frozenset({"1"}),
        )
        for place, weight in enumerate(weights)
    ]


def drawn(weights: list[float], u: float) -> int:
    return choose(rows(*weights), u).number


def plain_twin(weights: list[int], u: float) -> int:
    """The rule in exact fractions: the first row whose exclusive upper bound lies above u."""
    bounds = [Fraction(sum(weights[: place + 1]), sum(weights)) for place in range(len(weights))]
    return next(place for place, bound in enumerate(bounds) if Fraction(u) < bound)


def test_upper_bounds_are_exclusive() -> None:
    """A well-known splitter let one draw in a hundred match nothing: its bounds were inclusive."""
    weights = [1.0, 1.0, 2.0]
    assert drawn(weights, 0.0) == 0
    assert drawn(weights, math.nextafter(0.25, 0)) == 0
    assert drawn(weights, 0.25) == 1
    assert drawn(weights, math.nextafter(0.5, 0)) == 1
    assert drawn(weights, 0.5) == 2
    assert drawn(weights, JUST_BELOW_ONE) == 2


def test_a_row_of_weight_0_is_never_drawn() -> None:
    """Weight 0 takes a row out of service: at the front, in the middle and at the end."""
    weights = [0.0, 1.0, 0.0, 1.0, 0.0]
    assert {drawn(weights, u) for u in (0.0, 0.25, 0.5, 0.75, JUST_BELOW_ONE)} == {1, 3}
    assert drawn(weights, 0.0) == 1
    assert drawn(weights, JUST_BELOW_ONE) == 3


def test_a_single_row_takes_every_draw() -> None:
    """The whole interval is its own."""
    assert {drawn([0.1], u) for u in (0.0, 0.5, JUST_BELOW_ONE)} == {0}


def test_rounding_cannot_let_a_draw_fall_off_the_end() -> None:
    """The greatest u times a subnormal total rounds up to the total: still the last row with a weight."""
    smallest = math.ulp(0.0)
    assert JUST_BELOW_ONE * (2 * smallest) == 2 * smallest
    assert drawn([smallest, smallest, 0.0], JUST_BELOW_ONE) == 1


def test_the_founding_weights_share_one_to_five() -> None:
    """Rows 1 and 4 of the founding table, over an even grid of draws."""
    draws = [drawn([10.0, 50.0], (step + 0.5) / 6000) for step in range(6000)]
    assert draws.count(0) == 1000
    assert draws.count(1) == 5000


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any),
    st.one_of(st.floats(0, JUST_BELOW_ONE), st.sampled_from([0.0, JUST_BELOW_ONE])),
)
def test_the_draw_agrees_with_its_plain_twin(weights: list[int], u: float) -> None:
    """Exactly, but for draws that float rounding cannot tell from a bound."""
    total = sum(weights)
    near = any(abs(u * total - sum(weights[:place])) < 1e-9 * total for place in range(1, len(weights)))
    if near:
        assert weights[drawn([float(weight) for weight in weights], u)] > 0
    else:
        assert drawn([float(weight) for weight in weights], u) == plain_twin(weights, u)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30).filter(any), st.floats(0, JUST_BELOW_ONE))
def test_every_draw_lands_on_a_row_with_a_weight(weights: list[float], u: float) -> None:
    """Whatever the floats."""
    assert weights[drawn(weights, u)] > 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any), st.data())
def test_a_share_takes_a_part_of_a_weight(weights: list[float], data: st.DataObject) -> None:
    """As if the table had the smaller weight; whole shares change nothing."""
    u = data.draw(st.floats(0, 1, exclude_max=True))
    shares = data.draw(
        st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=len(weights), max_size=len(weights))
    )
    smaller = [weight * share for weight, share in zip(weights, shares, strict=True)]
    assert choose_by(rows(*weights), shares, u).weight == weights[drawn(smaller, u)]
    assert choose_by(rows(*weights), [1.0] * len(weights), u).number == drawn(list(weights), u)
