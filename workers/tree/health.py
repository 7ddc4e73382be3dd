"""Whether a model is well: a real inference succeeded lately. Pure; the predictor writes what fronts read.

A model that fails several times in a row is in doubt until an inference succeeds again; one that nobody asks
must prove itself now and then, or a device that hangs would look healthy.
"""

from typing import Final

FAILURES_DOUBTED: Final = 3  # in a row
PROVE_AFTER_S: Final = 10.0  # without a success
DOUBTED_AGAIN_S: Final = 1.0  # between two proofs of a model in doubt
LATELY_S: Final = 30.0  # a success older than that says nothing any more


def healthy(failed: int, since_s: float) -> bool:
    """Of a model that failed so often in a row, and succeeded last so long ago."""
    return failed < FAILURES_DOUBTED and since_s < LATELY_S


class Health:
    """What a predictor knows of one model. Times are seconds on the monotonic clock."""

    def __init__(self, now_s: float) -> None:
        self.failed = 0
        self.succeeded_s = now_s
        self._proved_s = now_s  # when a proof began last
        self.proving = False

    def ran(self, now_s: float, *, succeeded: bool, failed: bool) -> None:
        """A batch has ended. What was refused or expired says nothing."""
        if succeeded:
            self.succeeded_s = now_s
            self.failed = 0
        elif failed:
            self.failed += 1

    def must_prove(self, now_s: float) -> bool:
        """Whether the sample is to be sent now; it begins with that."""
        if self.proving:
            return False
        doubted = self.failed >= FAILURES_DOUBTED
        last_s = max(self._proved_s, 0.0 if doubted else self.succeeded_s)
        fresh = self.failed == FAILURES_DOUBTED and self._proved_s < self.succeeded_s
        if not fresh and now_s - last_s < (DOUBTED_AGAIN_S if doubted else PROVE_AFTER_S):
            return False
        self.proving = True
        self._proved_s = now_s
        return True

    def proved(self, now_s: float, *, succeeded: bool) -> None:
        """The sample went through, or not."""
        self.proving = False
        self.ran(now_s, succeeded=succeeded, failed=not succeeded)
