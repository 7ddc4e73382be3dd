"""When a request's time is over, and how critical it is, as its head and its parameters have it. Pure."""

from typing import Any

from workers.errors import BadInput

RANK_MAX = 1_000_000
BUDGET_MS_MAX = 1e12


def deadline_of(fields: dict[bytes, bytes], arrived_s: float) -> float | None:
    """When the budget ends that the head tells, on the monotonic clock. Raises BadInput."""
    text = fields.get(b"penstock-deadline-ms")
    if text is None:
        return None
    try:
        budget_ms = float(text)
    except ValueError as error:
        words = text.decode("latin-1")
        raise BadInput(f"Penstock-Deadline-Ms must be a number of milliseconds, not '{words}'") from error
    if not -BUDGET_MS_MAX < budget_ms < BUDGET_MS_MAX:
        raise BadInput(f"Penstock-Deadline-Ms is out of range: '{text.decode('latin-1')}'")
    return arrived_s + budget_ms / 1000


def earliest(deadline_s: float | None, parameters: dict[str, Any], arrived_s: float) -> float | None:
    """The deadline, or that of the protocol's parameter `timeout` (µs, 0 = none) if it is earlier.

    Raises BadInput.
    """
    timeout_us = parameters.get("timeout")
    if not timeout_us:
        return deadline_s
    if type(timeout_us) is not int or not 0 < timeout_us < BUDGET_MS_MAX * 1000:
        raise BadInput(f"the parameter timeout is a whole number of microseconds, not {timeout_us!r}")
    own_s = arrived_s + timeout_us / 1e6
    return own_s if deadline_s is None else min(deadline_s, own_s)


def rank_of(fields: dict[bytes, bytes]) -> int:
    """How critical the request is, 0 the most; what cannot be read counts as 0."""
    text = fields.get(b"penstock-rank", b"0")
    return min(int(text), RANK_MAX) if text.isdigit() and len(text) < 20 else 0
