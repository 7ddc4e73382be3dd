"""Deadlines: the whole request's, and what of it one attempt may use."""

import math

from proxy.messages import Request
from proxy.routing.table import QosClass

CHANCE_S_MIN = 0.001
"""With less than this left, no model server has a chance to answer."""


def deadline_of(request: Request, qos: QosClass) -> float:
    """The moment after which no answer is wanted: arrival + the shorter of class's and caller's budget."""
    budget_s = math.inf if qos.deadline_s is None else qos.deadline_s
    if request.deadline_s is not None:
        budget_s = min(budget_s, request.deadline_s)
    return request.arrived_s + budget_s


def attempt_budget(timeout_s: float, left_s: float, reserve_s: float = 0.0) -> float:
    """Seconds that an attempt may last: the row's timeout, or what the deadline leaves, whichever is first.

    `reserve_s` is kept for the next tier, where that leaves both a chance: at least half to this one.
    """
    if reserve_s * 2 <= left_s:
        left_s -= reserve_s
    return min(timeout_s, left_s)
