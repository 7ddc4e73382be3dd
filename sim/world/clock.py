"""`ports.Clock` on a world's time."""

from sim.world.loop import WorldLoop

EPOCH_S = 1_700_000_000.0
"""Wall time at the loop's 0: far from the monotonic clock, so that mixing the two shows."""


class WorldClock:
    """Both clocks move with the loop."""

    def __init__(self, loop: WorldLoop) -> None:
        self.now = loop.time

    def wall(self) -> float:
        return EPOCH_S + self.now()
