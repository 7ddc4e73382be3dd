"""The weighted draw within a tier. The random number is passed in; nothing is remembered between draws.

Row i owns the half-open interval [sum of the weights before it, that sum + its own weight) of the
total, so every u in [0, 1) belongs to exactly one row. Hot path: one pass for the sum, one for the row.
"""

from collections.abc import Sequence

from proxy.routing.table import Row


def choose(rows: Sequence[Row], u: float, shares: Sequence[float]) -> Row:
    """The row that `u` (uniform in [0, 1)) falls on. At least one row must have a weight above 0.

    `shares` are the parts of their weights that the rows get, above 0 and up to 1.

    A row of weight 0 is never drawn: not for u = 0, and not when rounding leaves a remainder at the end.
    """
    total = 0.0
    for row, share in zip(rows, shares, strict=True):
        total += row.weight * share
    point = u * total
    bound = 0.0
    last: Row | None = None
    for row, share in zip(rows, shares, strict=True):
        if row.weight > 0:
            bound += row.weight * share
            if point < bound:
                return row
            last = row
    assert last is not None, "no row with a weight above 0 to choose from"
    return last  # u * total was rounded up to total: the point lies just below the last bound
