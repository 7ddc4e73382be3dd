"""The reserve: what of its deadline an attempt leaves to the next tier. Decides seconds, never a row."""

from collections.abc import Mapping, Sequence
from typing import Final

from proxy.qos.gate import SHORT, Gate
from proxy.routing.table import Tier

TIMER_S_MAX: Final = 0.002
"""How late a timeout may fire: the next tier must not miss its chance by that."""


def reserve_s(
    gate: Gate, later: Sequence[Tier], gates: Mapping[str, Gate], timeout_s: float, left_s: float, now: float
) -> float:
    """What is kept for the next tier that may be called: a black hole at `gate` must not eat its chance.

    What that tier takes; and what is beyond twice the 95th percentile of this application, but for half
    of what is left: a call that takes longer has most likely met one. 0.0 where the timeout leaves more.
    """
    own_s = gate.service.p95_s(now)
    needs_s = max(left_s / 2, 2 * own_s) if own_s else left_s
    binds = needs_s < timeout_s
    for tier in later:
        for row in tier.rows:
            # Twice: a slot comes free within one call's time, most likely (`wait_s`).
            longest_s = 2 * gates[row.application].service.p95_s(now) + TIMER_S_MAX
            binds = binds or longest_s > left_s - timeout_s
    if not binds:
        return 0.0
    needed_s = _needed_s(later, gates, now)
    return 0.0 if needed_s is None else max(needed_s, left_s - needs_s)


def _needed_s(tiers: Sequence[Tier], gates: Mapping[str, Gate], now: float) -> float | None:
    """What the first of these tiers takes that may be called, with its wait; None: there is none."""
    for tier in tiers:
        needed = []
        for row in tier.rows:
            gate = gates[row.application]
            bar = gate.bar(now)
            if row.weight > 0 and (bar is None or bar in SHORT):
                slot_s = 0.0 if gate.application.concurrency is None else gate.wait_s(0, now)
                p95_s = gate.service.p95_s(now)
                needed.append(p95_s + slot_s if p95_s else 0.0)
        if needed:
            least_s = min(needed)
            return least_s + TIMER_S_MAX if least_s else 0.0
    return None
