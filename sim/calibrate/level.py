"""What was measured at one concurrency: so many callers, each asking again as soon as it is answered."""

import msgspec

FAILED_SHARE_MAX = 0.01
"""A server that fails more at a level is past what it can take there."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `good`: 200 within the deadline; latencies are of all 200s."""

    concurrency: int
    seconds: float
    good: int
    late: int
    failed: int
    mean_ms: float
    p50_ms: float
    p99_ms: float
    ends: dict[str, int]

    @property
    def throughput(self) -> float:
        """Good answers per second."""
        return self.good / self.seconds

    @property
    def power(self) -> float:
        """Good answers per second, over the mean latency in seconds; 0 where there were none."""
        return self.throughput / (self.mean_ms / 1e3) if self.good else 0.0

    @property
    def failed_share(self) -> float:
        """Of all that ended."""
        return self.failed / max(1, self.good + self.late + self.failed)

    @property
    def sound(self) -> bool:
        """Whether the server answered, but for `FAILED_SHARE_MAX`, and some in time."""
        return self.good > 0 and self.failed_share <= FAILED_SHARE_MAX
