"""Request logs: when requests came, replayed as they came, or a part of it, faster, more, again."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.recordings.errors import RecordingUnreadable
from sim.recordings.reading import Recording, is_recording, read_recording, times_of
from sim.shapes.errors import TraceRefused
from sim.shapes.sheet import Floats, read_sheet

Places = npt.NDArray[np.int64]


def read_times(path: Path, column: str = "") -> Floats:
    """When each request came, in seconds from the first, ascending. Raises TraceRefused.

    A recording of the proxy's is a request log too; `column` is of a sheet.
    """
    if is_recording(path):
        times_s = times_of(recorded_traffic(path).arrivals)
        times_s -= times_s[0]
        return times_s
    sheet = read_sheet(path, (column,) if column else ())
    times_s = np.sort(sheet.times_s(column or sheet.time_name()))
    found: Floats = times_s - times_s[0]
    return found


def span_s(times_s: Floats) -> float:
    """How long a log is: to its last request and a mean gap beyond, so that it can follow itself."""
    last_s = float(times_s[-1])
    return last_s + (last_s / (len(times_s) - 1) if len(times_s) > 1 and last_s > 0 else 1.0)


def windowed(times_s: Floats, from_s: float, to_s: float) -> Floats:
    """Those between two times, from the first of the two on."""
    found: Floats = times_s[(times_s >= from_s) & (times_s < to_s)] - from_s
    return found


def looped(times_s: Floats, length_s: float, seconds: float) -> Floats:
    """Again and again, `length_s` a round, for so long."""
    rounds = max(1, int(np.ceil(seconds / length_s)))
    every = (np.arange(rounds)[:, None] * length_s + times_s[None, :]).ravel()
    found: Floats = every[every < seconds]
    return found


def scaled(times_s: Floats, scale: float, rng: np.random.Generator) -> Floats:
    """`scale` times as many: below 1 a draw of them, above it copies, each before the next one of the log.

    The count is rounded, not drawn. Peaks and lulls stay where they are; copies smooth them a little.
    """
    return scaled_places(times_s, scale, rng)[0]


def scaled_places(times_s: Floats, scale: float, rng: np.random.Generator) -> tuple[Floats, Places]:
    """The same, and of which of them each is a copy."""
    count = len(times_s)
    every = np.arange(count)
    if scale == 1.0 or not count:
        return times_s, every
    whole, rest = divmod(round(scale * count), count)
    chosen = np.sort(rng.permutation(count)[:rest])
    if not whole:
        return times_s[chosen], chosen
    after = np.append(np.diff(times_s), 0.0)
    copied = np.concatenate((np.tile(every, whole - 1), chosen)).astype(np.int64)
    copies = times_s[copied] + after[copied] * rng.random(len(copied))
    found = np.concatenate((times_s, copies))
    order = np.argsort(found, kind="stable")
    return found[order], np.concatenate((every, copied))[order]


def recorded_traffic(path: Path) -> Recording:
    """A recording that has requests. Raises TraceRefused."""
    try:
        found = read_recording(path)
    except RecordingUnreadable as error:
        raise TraceRefused(str(error.args[0])) from error
    if not found.arrivals:
        raise TraceRefused(f"{path}: nobody sent anything while it was recorded")
    return found
