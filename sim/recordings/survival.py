"""Quantiles of times of which some were cut off: the product-limit estimator (Kaplan and Meier, 1958). Pure.

A time that was cut off is known to be longer, and counts so. Past the last time that was seen whole nothing
is known but that bound: there the longest cut time stands, which is too short.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def quantiles(took_s: Floats, cut: npt.NDArray[np.bool_], count: int) -> tuple[Floats, float]:
    """At (i + 0.5) ÷ `count`, ascending; and which share of them is a lower bound only."""
    order = np.lexsort((cut, took_s))  # what was seen whole before what was cut at the same time
    times_s, seen = took_s[order], ~cut[order]
    at_risk = np.arange(len(times_s), 0, -1)
    survival = np.cumprod(np.where(seen, 1.0 - 1.0 / at_risk, 1.0))
    wanted = 1.0 - (np.arange(count) + 0.5) / count
    places = np.searchsorted(-survival, -wanted - 1e-12, side="left")
    known = places < len(times_s)
    found = np.where(known, times_s[np.minimum(places, len(times_s) - 1)], times_s[-1])
    return found, float((~known).mean())
