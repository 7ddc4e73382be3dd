"""What a model was measured to do, and what the routing table should therefore say of it. Values only."""

import math

import msgspec

NEAR = 0.9  # a batch size is large enough from this part of the best throughput on
LOAD = 0.8  # the part of the capacity that a table lets through: above it, waiting multiplies


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One batch size of one model on one device, kept busy."""

    batch: int  # requests that ran together
    places: int  # batches at once
    per_s: float  # requests
    p50_ms: float  # of a batch
    p99_ms: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one device."""

    model: str
    version: str
    device: str
    where: str  # in the backend's words
    load_s: float
    levels: tuple[Level, ...]

    def knee(self) -> Level:
        """The smallest batch whose throughput is near the best: a larger one only waits longer."""
        best = max(level.per_s for level in self.levels)
        return next(level for level in self.levels if level.per_s >= NEAR * best)

    @property
    def rate(self) -> int:
        """Requests a second for the table: 80% of what the knee does."""
        return max(1, math.floor(LOAD * self.knee().per_s))

    @property
    def concurrency(self) -> int:
        """Requests in flight for the table: what runs, and as many that wait to run next.

        Little's law (Operations Research 9(3), 1961), L = rate x time: a request waits for the batch before
        its own at most, so it is there for two batches' time.
        """
        knee = self.knee()
        return max(1, 2 * knee.batch * knee.places)

    def row(self, number: int, endpoint: str) -> str:
        """The application's line to paste."""
        knee = self.knee()
        return (
            f'  {number}: {{endpoints: ["{endpoint}"], model: {self.model}, '
            f"concurrency: {self.concurrency}, rate: {self.rate}}}"
            f"   # {self.device}, batches of {knee.batch}: {knee.per_s:.0f}/s, p99 {knee.p99_ms:.1f} ms"
        )
