"""Rate series and milestones as curves: rates or counts by interval, or how much was reached when."""

from pathlib import Path

import numpy as np

from sim.shapes.curve import Curve
from sim.shapes.errors import ShapeRefused
from sim.shapes.sheet import Floats, Sheet, read_sheet

DAY_S = 86_400.0
MILESTONE_TIME = "t_seconds_after_midnight"


def read_series(path: Path, column: str = "", *, counts: bool = False) -> Curve:
    """The rate from each row to the next; `counts`: values are requests in that time. Raises TraceRefused."""
    sheet = read_sheet(path, (column,) if column else ())
    time = sheet.time_name()
    others = [name for name in sheet.header if name != time]
    if not column and len(others) != 1:
        raise ShapeRefused(f"{path} has the columns {', '.join(others)}; say which one is the rate")
    at_s, values = sheet.times_s(time), sheet.numbers(column or others[0])
    _check_ascending(sheet, at_s, time)
    if len(at_s) < 2:
        raise sheet.refused([(sheet.line(0), "one row only: how long it lasts cannot be seen")])
    widths = np.diff(at_s)
    edges_s = np.append(at_s, at_s[-1] + widths[-1]) - at_s[0]
    return Curve.of_levels(edges_s, values / np.diff(edges_s) if counts else values)


def read_milestones(path: Path, year: int) -> Curve:
    """What a day's rate was at each time, in multiples of the day's mean, from cumulative figures.

    Between two milestones it is even, for nothing is known of what lies between. Raises TraceRefused.
    """
    sheet = read_sheet(path, ("year", MILESTONE_TIME))
    reached, total = (sheet.numbers(sheet.starting(each)) for each in ("cumulative", "day_total"))
    years, at_s = sheet.numbers("year"), sheet.numbers(MILESTONE_TIME)
    rows = np.flatnonzero(years == year)
    if not len(rows):
        known = ", ".join(f"{each:g}" for each in np.unique(years))
        raise ShapeRefused(f"{path} has no milestones of {year}; it has those of {known}")
    at_s, share = at_s[rows], (reached / np.where(total > 0, total, 1.0))[rows]
    wrong = [
        (sheet.line(int(row)), f"{MILESTONE_TIME} or the cumulative figure is not above the one before")
        for row, step_s, step in zip(
            rows, np.diff(at_s, prepend=0.0), np.diff(share, prepend=0.0), strict=True
        )
        if step_s <= 0 or step < 0
    ]
    if wrong:
        raise sheet.refused(wrong)
    edges_s = np.concatenate(([0.0], at_s))
    return Curve.of_levels(edges_s, np.diff(share, prepend=0.0) / np.diff(edges_s) * DAY_S)


def _check_ascending(sheet: Sheet, at_s: Floats, name: str) -> None:
    back = np.flatnonzero(np.diff(at_s) <= 0) + 1
    if len(back):
        raise sheet.refused((sheet.line(int(row)), f"{name} is not after the row before") for row in back)
