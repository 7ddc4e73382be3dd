"""What is to be calibrated, and what that may take."""

import msgspec

from sim.load.target import Target

CONCURRENCY_MAX = 256
REQUESTS_MAX = 200_000
SECONDS = 3.0
WARM_UP_SHARE = 0.2
"""Of each step, not counted."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`request` is sent as it is, again and again; `deadline_ms` None: some times the knee's latency."""

    target: Target
    address: tuple[str, int]
    request: bytes
    body: bytes
    headers: dict[str, str]
    deadline_ms: float | None = None
    seconds: float = SECONDS  # of a step
    requests_max: int = REQUESTS_MAX
    concurrency_max: int = CONCURRENCY_MAX
    seed: int = 1

    @property
    def warm_up_s(self) -> float:
        """Of a step."""
        return self.seconds * WARM_UP_SHARE
