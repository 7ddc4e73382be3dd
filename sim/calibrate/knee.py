"""Decides at which concurrency a server does best, and which to measure next. Pure.

The knee is where power, throughput over latency, is greatest: up to there throughput grows faster than
latency, past it latency grows faster, each relative to itself (d ln X = d ln R). L. Kleinrock, "Power and
deterministic rules of thumb for probabilistic problems in computer communications", ICC 1979. A server of c
slots and service time S has X = min(n, c) / S and R = S max(1, n / c) at concurrency n: the knee is c.

Against noise: the power of a concurrency is the median of its steps, those near the best are repeated, and of
concurrencies that do nearly equally well the least one wins. Within a step latency is the mean, as in
Kleinrock and in Little's law (n = X R): just past the knee most answers are as fast as before, and a median
of them sees nothing.
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence

from sim.calibrate.level import Level

NEAR_SHARE = 0.02
"""Powers that differ by less are equal."""

CONTENDER_SHARE = 0.1
"""Within so much of the best power, a concurrency is measured again."""

REPEATS = 3
GRAIN_SHARE = 0.05
"""To what share of itself the knee is found."""

PAST = 2
"""How many worse levels end the climb."""

LEVELS_MAX = 80


def powers(levels: Sequence[Level]) -> dict[int, float]:
    """The median power of each concurrency; 0 where the server was not sound in half of the steps or more."""
    grouped: dict[int, list[float]] = defaultdict(list)
    for level in levels:
        grouped[level.concurrency].append(level.power if level.sound else 0.0)
    return {concurrency: statistics.median_low(found) for concurrency, found in sorted(grouped.items())}


def greatest(levels: Sequence[Level]) -> float:
    """The greatest median throughput of all concurrencies."""
    concurrencies = {level.concurrency for level in levels}
    return max(
        statistics.median_low(each.throughput for each in levels if each.concurrency == concurrency)
        for concurrency in concurrencies
    )


def knee(levels: Sequence[Level]) -> int | None:
    """The least concurrency of the greatest power; None where the server was sound at none."""
    found = powers(levels)
    best = max(found.values(), default=0.0)
    if best <= 0:
        return None
    return min(each for each, power in found.items() if power >= best * (1 - NEAR_SHARE))


def next_concurrency(levels: Sequence[Level], concurrency_max: int) -> int | None:
    """What to measure next: doubling until it gets worse, then halving the gaps, then repeats; None: done."""
    if not levels:
        return 1
    best = knee(levels)
    if best is None or len(levels) >= LEVELS_MAX:
        return None
    found = powers(levels)
    last = max(found)
    if sum(each > best for each in found) < PAST and last < concurrency_max and found[last] > 0:
        return min(last * 2, concurrency_max)
    return _between(found, best) or _again(levels, found)


def _between(found: dict[int, float], best: int) -> int | None:
    """The middle of the wider gap beside the best, while that is wider than the grain."""
    grain = max(1, round(best * GRAIN_SHARE))
    below = max((each for each in found if each < best), default=best)
    above = min((each for each in found if each > best), default=best)
    gap, middle = max((best - below, (below + best) // 2), (above - best, (best + above) // 2))
    return middle if gap > grain else None


def _again(levels: Sequence[Level], found: dict[int, float]) -> int | None:
    """A contender that was measured fewer than `REPEATS` times."""
    enough = max(found.values()) * (1 - CONTENDER_SHARE)
    for concurrency, power in found.items():
        if power >= enough and sum(each.concurrency == concurrency for each in levels) < REPEATS:
            return concurrency
    return None
