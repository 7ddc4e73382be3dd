"""Service times: draws of mean 1, from quantile tables made once.

A table, because a draw is then one look-up, and because its values are rounded: the logarithms of two
machines differ in the last bit, and a history must be the same to the byte on both.
"""

import enum
import functools
import math
import statistics

QUANTILES = 1024
DIGITS = 9


class Shape(enum.Enum):
    """How service times spread around their mean."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"


@functools.cache
def quantiles(shape: Shape, sigma: float) -> tuple[float, ...]:
    """`QUANTILES` equally likely values of mean 1 (a constant is one); `sigma` is the lognormal's spread."""
    points = [(place + 0.5) / QUANTILES for place in range(QUANTILES)]
    if shape is Shape.CONSTANT:
        values = [1.0]
    elif shape is Shape.EXPONENTIAL:
        values = [-math.log1p(-point) for point in points]
    else:
        normal = statistics.NormalDist()
        values = [math.exp(sigma * normal.inv_cdf(point)) for point in points]
    mean = math.fsum(values) / len(values)
    return tuple(round(value / mean, DIGITS) for value in values)
