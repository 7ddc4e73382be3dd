"""Sums of clients, each with a rate and a burstiness of its own in each window (ServeGen's format).

ServeGen (Xiang et al., 2025): production traffic is the sum of few clients who differ, and whose rates and
burstiness change; one renewal process of their rate has neither their peaks nor their lulls. Count and `cv`
of a window are what was measured in it, so they are kept; `family` and `p1` say how the gaps are spread.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.shapes.errors import ShapeRefused
from sim.shapes.scatter import ends, gaps_of, log_gammas, log_weibulls
from sim.shapes.sheet import Floats, Sheet, read_sheet

COLUMNS = ("category", "client", "t_s", "rate_rps", "cv", "family", "p1")
FAMILIES = ("Gamma", "Weibull", "")
SHAPE_MIN = 1e-3

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """One entry for each window of a client in which it sent something, by client, then time."""

    client: list[str]
    start_s: Floats
    rate: Floats
    cv: Floats
    weibull: list[bool]
    shape: Floats
    width_s: float
    span_s: tuple[float, float]  # of the whole file

    def __len__(self) -> int:
        return len(self.client)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow:
    """The arrivals of one client in one window."""

    client: str
    cv: float
    times_s: Floats


def read_clients(path: Path, category: str = "") -> Windows:
    """The windows of a category's clients, of all where none is named. Raises TraceRefused."""
    sheet = read_sheet(path, COLUMNS)
    starts, rates = sheet.numbers("t_s"), sheet.numbers("rate_rps")
    cvs, shapes = sheet.numbers("cv"), sheet.numbers("p1")
    families, categories = sheet.words("family"), sheet.words("category")
    _check(sheet, families, category, categories)
    width_s = _width_s(sheet, starts)
    clients = [f"{kind}/{name}" for kind, name in zip(categories, sheet.words("client"), strict=True)]
    wanted = np.array([not category or each == category for each in categories]) & (rates > 0)
    kept = np.flatnonzero(wanted)
    kept = kept[np.lexsort((starts[kept], np.array(clients)[kept]))]
    return Windows(
        client=[clients[each] for each in kept],
        start_s=starts[kept],
        rate=rates[kept],
        cv=cvs[kept],
        weibull=[families[each] == "Weibull" for each in kept],
        shape=shapes[kept],
        width_s=width_s,
        span_s=(float(starts.min()), float(starts.max()) + width_s),
    )


def counts_of(windows: Windows, from_s: float, to_s: float, scale: float = 1.0) -> tuple[Places, Floats]:
    """Which windows begin in that time, and the requests of each; scaled, the sum is what is rounded."""
    places = np.flatnonzero((windows.start_s >= from_s) & (windows.start_s < to_s))
    exact: Floats = windows.rate[places] * windows.width_s * scale
    if scale == 1.0:
        whole: Floats = np.rint(exact)
        return places, whole
    sums = np.rint(np.concatenate(([0.0], np.cumsum(exact))))
    return places, np.diff(sums)


def flows(windows: Windows, from_s: float, to_s: float, scale: float, seed: int) -> Iterator[Flow]:
    """Each client's arrivals in each window, from `from_s` on; each drawn from a seed of its own."""
    places, counts = counts_of(windows, from_s, to_s, scale)
    for place, count in zip(places.tolist(), counts.astype(int).tolist(), strict=True):
        if count == 0:
            continue
        rng = np.random.default_rng((seed, place))
        cv = float(windows.cv[place])
        gaps = gaps_of(count, cv, _logs(windows, place, count, rng))
        start_s = float(windows.start_s[place]) - from_s
        yield Flow(client=windows.client[place], cv=cv, times_s=start_s + windows.width_s * ends(gaps, rng))


def _logs(windows: Windows, place: int, count: int, rng: np.random.Generator) -> Floats:
    cv = float(windows.cv[place])
    if windows.weibull[place]:
        return log_weibulls(max(float(windows.shape[place]) or 1.0, SHAPE_MIN), count, rng)
    shape = float(windows.shape[place]) or (1.0 / cv**2 if cv else 1.0)
    return log_gammas(max(shape, SHAPE_MIN), count, rng)


def _check(sheet: Sheet, families: list[str], category: str, categories: list[str]) -> None:
    unknown = [at for at, each in enumerate(families) if each not in FAMILIES]
    wrong = [(sheet.line(at), f"family {families[at]!r} is none of Gamma, Weibull") for at in unknown]
    if wrong:
        raise sheet.refused(wrong)
    if category and category not in categories:
        raise ShapeRefused(
            f"{sheet.path} has no category '{category}'; it has {', '.join(sorted(set(categories)))}"
        )


def _width_s(sheet: Sheet, starts: Floats) -> float:
    """How far apart most rows are from the row before."""
    steps = np.diff(starts)
    if not (steps > 0).any():
        raise sheet.refused([(sheet.line(0), "one time only: how long its window is cannot be seen")])
    widths, counts = np.unique(steps[steps > 0], return_counts=True)
    width_s = float(widths[counts.argmax()])
    odd = np.flatnonzero(np.abs(starts / width_s - np.rint(starts / width_s)) > 1e-6)
    if len(odd):
        raise sheet.refused(
            (sheet.line(at), f"t_s {starts[at]:g} is off the grid of {width_s:g} s") for at in odd.tolist()
        )
    return width_s
