"""The purse: the fall-through budget that several processes share, in the memory of the ledger.

Decides the same as `qos.budget.Budget`, for all processes as one: in any span of t seconds with n arrivals
at all of them at most `share * n + per_second * t + BALANCE_MAX` tokens are taken, whoever is killed and
started again. Each process counts its arrivals in a column of its own, which costs no lock and outlives it;
they are paid in when somebody looks for a token, which is after a call that failed. Nothing is taken
between two looks, so that paying in late comes to the same. Killed in the middle, a process loses what it
paid in, and never pays twice.
"""

import fcntl

from proxy.qos.budget import BALANCE_MAX, PER_SECOND, SHARE

SPENT, SEEN, PAID, PURSE_WORDS = range(4)
"""Words: tokens lacking until the purse is full (0: new memory is full), when time was paid for last, and how
many arrivals have been paid in; then the arrivals of each column."""

_lock = fcntl.lockf


class Purse:
    """`qos.budget.Spending` for one of the processes. `base` is the place of its first word."""

    __slots__ = ("_base", "_end", "_file", "_first", "_floats", "_ints", "_mine", "_per_second", "_share")

    def __init__(
        self,
        *,
        ints: "memoryview[int]",
        floats: "memoryview[float]",
        file: int,
        base: int,
        columns: int,
        column: int,
    ) -> None:
        self._ints = ints
        self._floats = floats
        self._file = file
        self._base = base
        self._first = base + PURSE_WORDS
        self._end = self._first + columns
        self._mine = self._first + column
        self._share = SHARE
        self._per_second = PER_SECOND

    def limit(self, share: float, per_second: float, now: float) -> None:
        """A new table's; what was saved stays. Until all have the table some pay in by the older one."""
        self._look(now, 0.0)
        self._share = share
        self._per_second = per_second

    def arrive(self, now: float) -> None:
        """A request came."""
        del now
        self._ints[self._mine] += 1

    def affords(self, now: float) -> bool:
        """Whether there is a token."""
        return self._look(now, 0.0)

    def take(self, now: float) -> bool:
        """Take one token; False, and nothing taken, where there is none."""
        return self._look(now, 1.0)

    def _look(self, now: float, tokens: float) -> bool:
        """Pay in what came, and take so many tokens if there is one."""
        file, base = self._file, self._base
        _lock(file, fcntl.LOCK_EX, 1, base)
        try:
            spent = max(0.0, self._floats[base + SPENT] - self._paid_in(now))
            there = spent <= BALANCE_MAX - 1.0
            self._floats[base + SPENT] = spent + tokens if there else spent
            return there
        finally:
            _lock(file, fcntl.LOCK_UN, 1, base)

    def _paid_in(self, now: float) -> float:
        """Tokens that came since somebody last looked; they are noted as paid before they are used."""
        floats, ints, base = self._floats, self._ints, self._base
        arrived = sum(ints[self._first : self._end])
        new, span_s = arrived - ints[base + PAID], max(0.0, now - floats[base + SEEN])
        ints[base + PAID] = arrived
        floats[base + SEEN] += span_s
        return self._share * new + self._per_second * span_s
