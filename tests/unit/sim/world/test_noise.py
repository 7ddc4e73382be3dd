"""Service times around their mean."""

import math

import pytest

from sim.world.noise import Shape, quantiles


@pytest.mark.parametrize("shape", list(Shape))
def test_the_draws_have_a_mean_of_one(shape: Shape) -> None:
    """Else a capacity would not be what the plan says."""
    values = quantiles(shape, 0.5)
    assert math.isclose(math.fsum(values) / len(values), 1.0, abs_tol=1e-6)


def test_a_constant_has_one_value_and_a_lognormal_has_the_longer_tail_the_wider_it_is() -> None:
    """The tail is what deadlines are missed by."""
    assert quantiles(Shape.CONSTANT, 0.5) == (1.0,)
    assert max(quantiles(Shape.LOGNORMAL, 1.0)) > max(quantiles(Shape.LOGNORMAL, 0.3)) > 1.5
