"""The weighted draw within a tier. The random number is passed in; nothing is remembered between draws.

Row i owns the half-open interval [sum of the weights before it, that sum + its own weight) of the
total, so every u in [0, 1) belongs to exactly one row. Hot path: one pass for the sum, one for the row.
"""

from collections.abc import Sequence
from dataclasses import replace

from proxy.routing.table import Row


def choose(rows: Sequence[Row], u: float) -> Row:
    """The row that `u` (uniform in [0, 1)) falls on. At least one row must have a weight above 0.

    A row of weight 0 is never drawn: not for u = 0, and not when rounding leaves a remainder at the end.
    """
    total = 0.0
    for row in rows:
        total += row.weight
    point = u * total
    bound = 0.0
    last: Row | None = None
    for row in rows:
        if row.weight > 0:
            bound += row.weight
            if point < bound:
                return row
            last = row
    assert last is not None, "no row with a weight above 0 to choose from"
    return last  # u * total was rounded up to total: the point lies just below the last bound


def choose_by(rows: Sequence[Row], shares: Sequence[float], u: float) -> Row:
    """The same where rows get parts of their weights: `shares`, above 0 and up to 1. Seldom, so plain."""
    parts = [replace(row, weight=row.weight * share) for row, share in zip(rows, shares, strict=True)]
    return rows[parts.index(choose(parts, u))]
