"""The hedge: whether a call that is still open is made a second time, and after how long.

For the most critical class alone, and only where the table says `hedge: true` for it. After the 95th
percentile of what calls take (Dean and Barroso, The Tail at Scale, 2013): then one call in twenty qualifies
at most. At most `SHARE` of the requests are hedged, and none while `LOAD_MAX` or more of the permits are
taken: there a second call makes other calls late. Decides that; never where the second call goes, nor which
answer is taken. The first answer wins, and the other call keeps its permit until it has really ended.
"""

from typing import Final

from proxy.qos.budget import Budget

SHARE: Final = 0.01
"""Second calls per request that may be hedged."""

BALANCE_MAX: Final = 10.0
"""Second calls that are saved up at most, so that a quiet hour is no licence for a storm."""

LOAD_MAX: Final = 0.7
"""The share of the permits taken at which hedging ends."""


class Hedge:
    """The hedging of one class. Times are monotonic seconds."""

    __slots__ = ("_budget",)

    def __init__(self, now: float) -> None:
        # It starts empty: the share is kept from the first request on.
        self._budget = Budget(now, share=SHARE, per_second=0.0, balance_max=BALANCE_MAX, balance=0.0)

    def arrive(self, now: float) -> None:
        """A request of the class came: its share is paid in."""
        self._budget.arrive(now)

    def delay_s(self, p95_s: float) -> float | None:
        """How long after its start a call is hedged; None where nothing is known of what calls take."""
        return p95_s if p95_s > 0.0 else None

    def take(self, in_flight: int, concurrency: int | None, now: float) -> bool:
        """The delay is over and the call still open: whether it is made once more now, which is then counted.

        `in_flight` of `concurrency` permits of the application that gets the second call are taken. Where
        none is declared its load is not known, and it is not hedged.
        """
        if concurrency is None or in_flight >= LOAD_MAX * concurrency:
            return False
        return self._budget.take(now)


def may_hedge(rank: int, asked: bool) -> bool:
    """Whether a class is hedged at all: the most critical one, where the table asks for it."""
    return asked and rank == 0
