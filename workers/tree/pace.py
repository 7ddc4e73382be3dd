"""Whether a model's batches are so short that a hand-over to another thread costs more than they do. Pure."""

from typing import Final

AT_ONCE_S: Final = 0.000_15  # a hand-over there and back, with the interpreter's lock, takes about that
TRIED_S: Final = 0.002  # in a thread a batch waits for the lock too: one that took no longer is tried at once
TRIED_EVERY: Final = 32  # batches
WEIGHT: Final = 0.1  # of the last batch in the mean
SLICE_S: Final = 0.02  # a process that another one interrupted goes on within that, mostly
COUNTED_S: Final = 5 * AT_ONCE_S  # what such a batch counts as: once is forgiven, several in a row are not


class Pace:
    """Of one model. Until something was seen, batches are handed over."""

    def __init__(self) -> None:
        self._mean_s = 1.0
        self._count = 0
        self._tries = False

    @property
    def light(self) -> bool:
        """Whether its batches are that short."""
        return self._mean_s <= AT_ONCE_S

    def at_once(self) -> bool:
        """Whether the next batch is to run right here."""
        self._count += 1
        if self._mean_s <= AT_ONCE_S:
            self._tries = False
            return True
        self._tries = self._mean_s <= TRIED_S and self._count % TRIED_EVERY == 0
        return self._tries

    def ran(self, took_s: float) -> None:
        """A batch took so long."""
        if self._tries:  # nothing else says how long it takes without a hand-over
            self._tries = False
            self._mean_s = took_s
            return
        counted_s = COUNTED_S if self.light and COUNTED_S < took_s < SLICE_S else took_s
        self._mean_s += (counted_s - self._mean_s) * WEIGHT
