"""The fall-through budget: how many calls there may be beyond one for each request (invariant I7).

A token bucket like Finagle's `RetryBudget` with its defaults: a fifth of a token for each arrival, ten a
second, and a reserve of ten seconds' worth. In any span of t seconds with n arrivals at most
`share * n + per_second * t + balance_max` are taken. Decides that, and never what a request does then.

What costs one: the next call after an attempt that failed or ran out of time. What costs nothing: a tier
passed over, for there was no call; and a fall-through after a throttled attempt (429, 450). That one is a
call too, but the server refused it before any work, so it multiplies nothing; a request meets each tier
once; and what throttles is held back (Retry-After) and lowered (`adaptive.py`) at its source. Charged, it
would send to the offline queue what the next tier has room for, and use up what a dead tier needs. So I7
counts the calls that a server did not turn away. A token is taken when the call is made, not when it is
wished for: where all later tiers are barred none is.

`Budget` is that of a process that serves alone; where several share it, `family/purse.py` has it.
"""

from typing import Final, Protocol

SHARE: Final = 0.2
"""Tokens per arrival: Finagle's `percentCanRetry`."""

PER_SECOND: Final = 10.0
"""Tokens per second, so that a quiet proxy falls through too: Finagle's `minRetriesPerSec`."""

BALANCE_MAX: Final = 100.0
"""The most that is saved, and what a proxy starts with: Finagle's reserve, ten seconds of `PER_SECOND`.

It pays for the calls that are in flight when a tier dies, before its breaker opens."""


class Spending(Protocol):
    """A bucket of tokens, wherever it stands. Times are monotonic seconds."""

    def limit(self, share: float, per_second: float, now: float) -> None:
        """A new table's; what was saved stays."""
        ...

    def arrive(self, now: float) -> None:
        """A request came: its share is paid in."""
        ...

    def affords(self, now: float) -> bool:
        """Whether there is a token. Changes nothing, and promises nothing."""
        ...

    def take(self, now: float) -> bool:
        """Take one token for one call more; False, and nothing taken, where there is none."""
        ...


class Budget:
    """`Spending` of one process: a token is one call more than requests came. `balance` is the start's."""

    __slots__ = ("_balance", "_balance_max", "_per_second", "_seen_s", "_share")

    def __init__(
        self,
        now: float,
        *,
        share: float = SHARE,
        per_second: float = PER_SECOND,
        balance_max: float = BALANCE_MAX,
        balance: float = BALANCE_MAX,
    ) -> None:
        self._share = share
        self._per_second = per_second
        self._balance_max = balance_max
        self._balance = min(balance, balance_max)
        self._seen_s = now

    def limit(self, share: float, per_second: float, now: float) -> None:
        """A new table's; what was saved stays."""
        self._pay_in(0.0, now)
        self._share = share
        self._per_second = per_second

    def arrive(self, now: float) -> None:
        """A request came: its share is paid in."""
        self._pay_in(self._share, now)

    def affords(self, now: float) -> bool:
        """Whether there is a token."""
        self._pay_in(0.0, now)
        return self._balance >= 1.0

    def holds(self, tokens: float, now: float) -> bool:
        """Whether there are so many."""
        self._pay_in(0.0, now)
        return self._balance >= tokens

    def take(self, now: float) -> bool:
        """Take one token for one call more; False, and nothing taken, where there is none."""
        if not self.affords(now):
            return False
        self._balance -= 1.0
        return True

    def _pay_in(self, tokens: float, now: float) -> None:
        balance = self._balance + tokens + (now - self._seen_s) * self._per_second
        self._balance = min(balance, self._balance_max)
        self._seen_s = now
