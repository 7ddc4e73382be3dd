"""From a shape to due times: one seed, one schedule. Millions of times are one array."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim.recordings.reading import times_of
from sim.shapes.clients import counts_of, flows, read_clients
from sim.shapes.curve import Curve
from sim.shapes.errors import ShapeRefused
from sim.shapes.recorded import (
    Places,
    looped,
    read_times,
    recorded_traffic,
    scaled,
    scaled_places,
    span_s,
    windowed,
)
from sim.shapes.scatter import scattered
from sim.shapes.series import read_milestones, read_series
from sim.shapes.shape import (
    AnyShape,
    Burst,
    Clients,
    Constant,
    Log,
    Milestones,
    Ramp,
    Rates,
    Recorded,
    Sine,
    Steps,
    Traced,
)
from sim.shapes.sheet import Floats
from sim.shapes.wanted import Wanted, distinct

SINE_POINTS = 64
"""Straight lines in one period: off by at most 0.13% of the amplitude."""

PIECES_MAX = 1_000_000
TAIL_S = 1e-6
"""A recording that was cut off lasts just longer than to its last request."""


class Drawn:
    """The due times of a shape, ascending from 0, and how long it lasts.

    Of a recording also what is sent: each different request, and which of them each is.
    """

    __slots__ = ("due_s", "exact", "seconds", "which")

    def __init__(
        self, due_s: Floats, seconds: float, exact: Sequence[Wanted] = (), which: Places | None = None
    ) -> None:
        self.due_s = due_s
        self.seconds = seconds
        self.exact = exact
        self.which = which


def draw(shape: AnyShape, seed: int, requests_max: int, *, base: Path = Path(), scale: float = 1.0) -> Drawn:
    """The schedule; `base` is where relative files are, `scale` multiplies every rate.

    Raises TraceRefused for a bad file, ShapeRefused for what cannot be, or has more than `requests_max`.
    """
    rng = np.random.default_rng((seed, 1))
    match shape:
        case Clients():
            drawn = _clients(shape, seed, requests_max, base, scale)
        case Log():
            drawn = _log(shape, rng, base, scale)
        case Recorded():
            drawn = _recorded(shape, rng, base, scale)
        case _:
            curve = curve_of(shape, base=base, scale=scale)
            if curve.count > requests_max:
                raise _too_many(curve.count, requests_max)
            drawn = Drawn(scattered(curve, shape.arrivals, shape.cv, rng), curve.seconds)
    if len(drawn.due_s) > requests_max:
        raise _too_many(len(drawn.due_s), requests_max)
    return drawn


def curve_of(
    shape: Constant | Steps | Ramp | Burst | Sine | Rates | Milestones,
    *,
    base: Path = Path(),
    scale: float = 1.0,
) -> Curve:
    """The rate over time of a shape that is one."""
    match shape:
        case Constant():
            curve = Curve.of_points((0.0, shape.seconds), (shape.rate, shape.rate))
        case Steps():
            edges = np.arange(len(shape.rates) + 1, dtype=np.float64) * shape.each_s
            curve = Curve.of_levels(edges, np.array(shape.rates, dtype=np.float64))
        case Ramp():
            curve = Curve.of_points((0.0, shape.seconds), (shape.from_rate, shape.to_rate))
        case Burst():
            curve = _burst(shape)
        case Sine():
            curve = _sine(shape)
        case Rates():
            curve = _part(shape, read_series(base / shape.file, shape.column, counts=shape.counts))
        case Milestones():
            curve = _part(shape, _day(shape, base))
    return curve.changed(scale=scale)


def _burst(shape: Burst) -> Curve:
    starts = [shape.first_s]
    while shape.every_s > 0 and starts[-1] + shape.every_s < shape.seconds and len(starts) < PIECES_MAX:
        starts.append(starts[-1] + shape.every_s)
    edges, rates = [0.0], []
    for start_s in starts:
        if start_s > edges[-1]:
            edges.append(start_s)
            rates.append(shape.rate)
        edges.append(min(start_s + shape.spread_s, shape.seconds))
        rates.append(shape.rate + shape.size / shape.spread_s)
    if edges[-1] < shape.seconds:
        edges.append(shape.seconds)
        rates.append(shape.rate)
    return Curve.of_levels(np.array(edges), np.array(rates))


def _sine(shape: Sine) -> Curve:
    points = min(max(2, round(SINE_POINTS * shape.seconds / shape.period_s)), PIECES_MAX)
    at_s = np.linspace(0.0, shape.seconds, points + 1)
    rates = shape.rate + shape.amplitude * np.sin(2 * np.pi * at_s / shape.period_s)
    return Curve.of_points(at_s.tolist(), np.maximum(rates, 0.0).tolist())


def _day(shape: Milestones, base: Path) -> Curve:
    day = read_milestones(base / shape.file, shape.year).changed(scale=shape.rate)
    if shape.from_s >= 0:
        return day
    return Curve(
        edges_s=np.concatenate(([shape.from_s], day.edges_s)),
        left=np.concatenate(([shape.rate * shape.quiet], day.left)),
        right=np.concatenate(([shape.rate * shape.quiet], day.right)),
    )


def _part(shape: Traced, curve: Curve) -> Curve:
    first_s, last_s = float(curve.edges_s[0]), float(curve.edges_s[-1])
    from_s, to_s = _window(shape, first_s, last_s)
    return curve.between(from_s, to_s).changed(speed=shape.speed, scale=shape.scale)


def _window(shape: Traced, first_s: float, last_s: float) -> tuple[float, float]:
    to_s = shape.to_s or last_s
    if not first_s <= shape.from_s < to_s <= last_s:
        raise ShapeRefused(
            f"{shape.file} is of {first_s:g} to {last_s:g} s; {shape.from_s:g} to {to_s:g} is no part of it"
        )
    return shape.from_s, to_s


def _clients(shape: Clients, seed: int, requests_max: int, base: Path, scale: float) -> Drawn:
    windows = read_clients(base / shape.file, shape.category)
    from_s, to_s = _window(shape, *windows.span_s)
    if from_s % windows.width_s or to_s % windows.width_s:
        raise ShapeRefused(
            f"{shape.file} has windows of {windows.width_s:g} s: a part begins and ends with one"
        )
    factor = shape.scale * scale
    count = counts_of(windows, from_s, to_s, factor)[1].sum()
    if count > requests_max:
        raise _too_many(count, requests_max)
    parts = [flow.times_s for flow in flows(windows, from_s, to_s, factor, seed)]
    due_s = np.sort(np.concatenate(parts)) if parts else np.empty(0)
    return Drawn(due_s / shape.speed, (to_s - from_s) / shape.speed)


def _log(shape: Log, rng: np.random.Generator, base: Path, scale: float) -> Drawn:
    times_s = read_times(base / shape.file, shape.column)
    from_s, to_s = _window(shape, 0.0, span_s(times_s))
    length_s = (to_s - from_s) / shape.speed
    due_s = windowed(times_s, from_s, to_s) / shape.speed
    due_s = scaled(due_s, shape.scale * scale, rng)
    if shape.loop_s:
        return Drawn(looped(due_s, length_s, shape.loop_s), shape.loop_s)
    return Drawn(due_s, length_s)


def _recorded(shape: Recorded, rng: np.random.Generator, base: Path, scale: float) -> Drawn:
    """From the recording's beginning, not from its first request: a lull before it is part of it."""
    recording = recorded_traffic(base / shape.file)
    rows = recording.arrivals
    times_s = times_of(rows)
    from_s, to_s = _window(shape, 0.0, max(recording.seconds, float(times_s[-1]) + TAIL_S))
    within = np.flatnonzero((times_s >= from_s) & (times_s < to_s))
    due_s = (times_s[within] - from_s) / shape.speed
    due_s, places = scaled_places(due_s, shape.scale * scale, rng)
    exact, which = distinct([rows[place] for place in within[places]])
    return Drawn(due_s, (to_s - from_s) / shape.speed, exact, np.array(which, dtype=np.int64))


def _too_many(count: float, requests_max: int) -> ShapeRefused:
    return ShapeRefused(f"{count:,.0f} requests; {requests_max:,} are the limit")
