"""How long a server works on one request, by what else is in service there: from a formula or as measured.

What depends on the number in service alone is computed once for each. Hot: two look-ups and a draw.
"""

import math
import random
from bisect import bisect_right

from sim.world.noise import DIGITS, quantiles
from sim.world.plan import Service


class Work:
    """Of one server. `serving` counts the request itself."""

    __slots__ = ("_draws", "_means_s", "_service")

    def __init__(self, service: Service) -> None:
        self._service = service
        self._draws: dict[int, tuple[float, ...]] = {}  # of mean 1, by the number in service on a machine
        self._means_s: dict[int, float] = {}
        if not service.measured:
            self._draws[0] = quantiles(service.shape, service.sigma)

    def mean_s(self, serving: int) -> float:
        """With so many in service."""
        found = self._means_s.get(serving)
        if found is None:
            found = self._means_s[serving] = self._mean_s(self._on_one(serving))
        return found

    def drawn_s(self, serving: int, mean_s: float, rng: random.Random) -> float:
        """A time of that mean, spread as with so many in service."""
        draws = self._draws.get(0) or self._draws.get(serving)
        if draws is None:
            draws = self._draws[serving] = self._spread(self._on_one(serving))
        count = len(draws)
        if count == 1:
            return mean_s
        return mean_s * draws[int(rng.random() * count)]

    def _on_one(self, serving: int) -> int:
        """In service on the machine that has the most: they are spread evenly."""
        machines = self._service.machines
        return serving if machines == 1.0 else math.ceil(serving / machines)

    def _mean_s(self, number: int) -> float:
        service = self._service
        if service.measured:
            times_s = self._times_s(number)
            return math.fsum(times_s) / len(times_s)
        mean_s = service.base_s + service.each_s * number
        if service.knee is not None and number > service.knee:
            mean_s *= 1.0 + service.slope * (number - service.knee)
        return mean_s

    def _spread(self, number: int) -> tuple[float, ...]:
        times_s, mean_s = self._times_s(number), self._mean_s(number)
        return tuple(round(each / mean_s, DIGITS) for each in times_s)

    def _times_s(self, number: int) -> tuple[float, ...]:
        """As measured with so many, or between the two levels around it."""
        levels = self._service.measured
        place = bisect_right([each for each, _ in levels], number)
        if place in (0, len(levels)):
            return levels[max(0, place - 1)][1]
        (below, low_s), (above, high_s) = levels[place - 1 : place + 1]
        share = (number - below) / (above - below)
        return tuple(low + share * (high - low) for low, high in zip(low_s, high_s, strict=True))
