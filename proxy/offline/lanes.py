"""How fast the drain sends, per lane: tickets with the same labels share their fate, so they share a lane.

A lane starts with one ticket at a time, adds one for each that was served (up to a limit) and halves
when one found nobody. At one already, it rests, twice as long each time, then probes with one ticket.
A lane whose model servers are down so costs next to nothing and holds up no other lane. Pure.
"""

import msgspec


class LaneLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of a lane."""

    slots_max: int = 8  # tickets in flight
    rest_s: float = 1.0  # the first rest; doubles with each probe that finds nobody
    rest_s_max: float = 15.0
    lanes_max: int = 1024  # remembered; the one idle for longest is forgotten


class Lane:
    """The state of one lane."""

    __slots__ = ("in_flight", "rest_s", "rest_until_s", "slots")

    def __init__(self) -> None:
        self.slots = 1
        self.in_flight = 0
        self.rest_s = 0.0  # the last rest; 0 = none since a ticket was served
        self.rest_until_s = 0.0

    def resting_s(self, now: float) -> float:
        """Seconds until the lane may be tried again; 0 when it may now."""
        return max(0.0, self.rest_until_s - now)

    def admits(self, now: float) -> bool:
        """Whether one more ticket may be sent."""
        return now >= self.rest_until_s and self.in_flight < self.slots

    def served(self, limits: LaneLimits) -> None:
        """A model server answered."""
        self.slots = min(self.slots + 1, limits.slots_max)
        self.rest_s = self.rest_until_s = 0.0

    def failed(self, now: float, draw: float, limits: LaneLimits) -> None:
        """No model server answered. `draw` in [0, 1) spreads the rests of many proxies."""
        if now < self.rest_until_s:
            return  # sent before the lane began to rest: it says nothing new
        if self.slots > 1:
            self.slots //= 2
            return
        self.rest_s = min(max(limits.rest_s, self.rest_s * 2), limits.rest_s_max)
        self.rest_until_s = now + spread(self.rest_s, draw)


class Lanes:
    """The lanes in use, by labels."""

    def __init__(self, limits: LaneLimits) -> None:
        self._limits = limits
        self._lanes: dict[tuple[str, ...], Lane] = {}  # used longest ago first

    def lane(self, labels: tuple[str, ...]) -> Lane:
        """The lane of these labels, a new one where there is none."""
        lane = self._lanes.pop(labels, None)
        if lane is None:
            lane = Lane()
            if len(self._lanes) >= self._limits.lanes_max:
                idle = next((each for each, old in self._lanes.items() if not old.in_flight), None)
                if idle is not None:
                    del self._lanes[idle]
        self._lanes[labels] = lane
        return lane


def spread(delay_s: float, draw: float) -> float:
    """Half of the delay to the whole of it, by the draw in [0, 1)."""
    return delay_s * (1.0 + draw) / 2
