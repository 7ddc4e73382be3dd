"""A figure over several seeds: its mean, and the interval in which the true mean lies with 95% confidence."""

import math
import statistics
from collections.abc import Sequence
from typing import Self

import msgspec

T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Student's t, 97.5%, for 1 to 30 degrees of freedom: NIST/SEMATECH e-Handbook, 1.3.6.7.2."""

T_MANY = 1.96
"""For more: the normal distribution's."""

WHOLE = 100.0
"""From here on an interval is told without decimals or powers of ten."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """`half_width`: the interval is the mean plus and minus it; None where there is one value alone."""

    mean: float
    half_width: float | None
    values: list[float]  # by seed

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of at least one value."""
        count, mean = len(values), statistics.fmean(values)
        half_width = None
        if count > 1:
            t = T_975[count - 2] if count - 2 < len(T_975) else T_MANY
            half_width = t * statistics.stdev(values) / math.sqrt(count)
        return cls(mean=mean, half_width=half_width, values=list(values))

    def __str__(self) -> str:
        if not self.half_width:
            return f"{self.mean:.4g}"
        width = f"{self.half_width:.2g}" if self.half_width < WHOLE else f"{self.half_width:.0f}"
        return f"{self.mean:.4g} ± {width}"
