"""The hedge: whether a call that is late is made a second time, and from when on it is late.

For the most critical class alone, and only where the table says `hedge: true` for it. Late is what has
taken longer than the 95th percentile of what calls take (Dean and Barroso, The Tail at Scale, 2013): one call
in twenty qualifies, and most of those are late by little. Second calls are at most `SHARE` of the first ones,
so that some of that is kept for the calls that are very late, after twice that time; and there is none where
it would make more than `LOAD_MAX` of the permits taken: there it makes other calls late.
Decides that; never where the second call goes (`gate.py`), nor which answer is taken (`tiers/race.py`).
"""

from typing import Final

from proxy.qos.budget import Budget

SHARE: Final = 0.01
"""Second calls for each first one."""

BALANCE_MAX: Final = 10.0
"""Second calls that are saved up at most: a quiet hour is no licence for a storm."""

KEPT: Final = 5.0
"""How many of those are kept for calls that are very late. Without it the hundredth part is used up by calls
that are about to end, and none is left for the one that hangs."""

LOAD_MAX: Final = 0.7
"""The share of the permits that may be taken, the second call's included."""


class Hedging:
    """The hedging of the most critical class, over all applications. Times are monotonic seconds."""

    __slots__ = ("_budget",)

    def __init__(self, now: float) -> None:
        # It starts empty: the share is kept from the first call on.
        self._budget = Budget(now, share=SHARE, per_second=0.0, balance_max=BALANCE_MAX, balance=0.0)

    def called(self, now: float) -> None:
        """A first call of the class began: its share is paid in."""
        self._budget.arrive(now)

    def allows(self, in_flight: int, concurrency: int | None, very_late: bool, now: float) -> bool:
        """Whether a late call may be made once more now. Changes nothing.

        `in_flight` of the application's `concurrency` permits are taken. Where none is declared its load is
        not known, and its calls are not hedged.
        """
        if concurrency is None or in_flight + 1 > LOAD_MAX * concurrency:
            return False
        return self._budget.holds(1.0 if very_late else 1.0 + KEPT, now)

    def take(self, now: float) -> bool:
        """It is made: take its token; False, and nothing taken, where there is none."""
        return self._budget.take(now)


def late_after_s(p95_s: float, budget_s: float) -> float | None:
    """Seconds after which a call is late that may last `budget_s`; None: not known, or it ends before."""
    return p95_s if 0.0 < p95_s < budget_s else None
