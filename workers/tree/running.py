"""What a predictor's crew is at, and since when: whether one of them has been at it for too long. Pure.

A call into a device that never returns ends with its process only, and until then its place is taken and
those behind it wait for nothing.
"""

import itertools

import msgspec


class Errand(msgspec.Struct, frozen=True):
    """One thing that is being done."""

    what: str
    began_s: float
    within_s: float


class Running:
    """Errands by a number of their own. Times are seconds on the monotonic clock."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._errands: dict[int, Errand] = {}

    def begin(self, what: str, now_s: float, within_s: float) -> int:
        """Something is handed over; its number."""
        number = next(self._numbers)
        self._errands[number] = Errand(what, now_s, within_s)
        return number

    def end(self, number: int) -> None:
        """It is done."""
        del self._errands[number]

    def overdue(self, now_s: float) -> str:
        """What is not done in its time, in words; empty: all is well."""
        for errand in tuple(self._errands.values()):  # threads begin and end
            spent_s = now_s - errand.began_s
            if spent_s > errand.within_s:
                return f"{errand.what} has not ended after {spent_s:.0f} s, {errand.within_s:g} are allowed"
        return ""
