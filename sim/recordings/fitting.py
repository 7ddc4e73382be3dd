"""From a recording to a fleet: what calls took, by how many were in flight as they began. Pure.

What the proxy sees is the network, the server's own queue and its work together. Where a bend shows, it is
the server's slots, and only calls below it are its work; else all that was seen is, and says nothing of more.
Each endpoint counts as one machine. Calls of the first second are left out: what was under way when the
recording began is not in it, but was in flight.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from proxy.recording.rows import Row
from sim.fleet.fleet import Fleet, Level, Pool, ServiceTime
from sim.recordings.calls import Calls, Floats, calls_of
from sim.recordings.errors import RecordingUnreadable
from sim.recordings.knee import bend
from sim.recordings.reading import Recording
from sim.recordings.survival import quantiles

CALLS_MIN = 100
"""Of an application that is fitted, and of a level."""

QUANTILES = 128
LEVELS_MAX = 24
NETWORK_S = 0.0004
LEAST_S = 0.00001
EDGE_QUANTILE = 0.5
WARM_UP_S = 1.0


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """`notes`: what of it is no measurement, for people."""

    fleet: Fleet
    notes: list[str]


def fitted(recording: Recording, name: str, *, network_s: float = NETWORK_S) -> Fitted:
    """Raises RecordingUnreadable where no application has calls enough."""
    about = recording.header.about.applications
    pools, notes = [], [recording.shortfall()] if not recording.complete else []
    for application, calls in calls_of(
        recording.rows, from_s=WARM_UP_S if recording.seconds > 10 * WARM_UP_S else 0.0
    ).items():
        if len(calls) < CALLS_MIN:
            notes.append(f"{application}: {len(calls):,} calls, too few to be fitted; it is left out")
            continue
        known = about.get(application)
        pool, told = _pool(application, calls, 1 if known is None else known.endpoints, network_s)
        pools.append(pool)
        notes += [f"{application}: {each}" for each in told]
    if not pools:
        raise RecordingUnreadable(f"no application was called {CALLS_MIN} times: there is nothing to fit")
    assumed = (
        f"Network {network_s * 1e3:g} ms, one machine an endpoint, and machines that stop when their caller"
        " has gone: none of it can be seen by the proxy. " + " ".join(f"{note}." for note in notes)
    )
    fleet = Fleet(
        name=name,
        says=f"Fitted from a recording of {recording.header.began}, {recording.seconds:g} s.",
        assumed=assumed.strip()[:1000],
        pools=tuple(pools),
        edge_s=edge_s(recording.arrivals),
    )
    return Fitted(fleet=fleet, notes=notes)


def edge_s(rows: Sequence[Row]) -> float:
    """What the proxy itself took: of requests with one call, their time without it and a wait for it."""
    found = [
        row.ms - row.attempts[0].ms - row.attempts[0].began_ms
        for row in rows
        if row.verdict == "served" and len(row.attempts) == 1
    ]
    begins = [row.attempts[0].began_ms for row in rows if row.verdict == "served" and len(row.attempts) == 1]
    if not found:
        return 0.0
    # A wait for a permit stands in front of the call: the quickest tenth has none.
    before_ms = float(np.quantile(begins, 0.1))
    return round(max(0.0, float(np.quantile(found, EDGE_QUANTILE)) + before_ms) / 1e3, 9)


def _pool(application: str, calls: Calls, endpoints: int, network_s: float) -> tuple[Pool, list[str]]:
    took_s = np.maximum(calls.took_s - network_s, LEAST_S)
    levels, notes = np.unique(calls.in_flight), []
    means_s = np.array([_mean_s(took_s, calls, level) for level in levels])
    counts = np.array([int((calls.in_flight == level).sum()) for level in levels])
    found = bend(levels, means_s, counts)
    most = int(levels[-1])
    if found is None:
        slots = most
        notes.append(
            f"no bend shows up to {most} in flight at an endpoint; slots are what was seen, and may be more"
        )
    else:
        slots = found.slots
    fitted_levels, bounded = _levels(took_s, calls, slots)
    if bounded > 0:
        notes.append(f"{bounded:.1%} of the times are lower bounds: calls were cut off by their timeout")
    if calls.failures:
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(calls.failures.items()))
        notes.append(f"calls that failed are no service times, and the fleet has no such faults: {told}")
    service = ServiceTime(measured=fitted_levels)
    pool = Pool(
        application=application, machines=float(endpoints), slots=slots, service=service, network_s=network_s
    )
    return pool, notes


def _mean_s(took_s: Floats, calls: Calls, level: int) -> float:
    here = calls.in_flight == level
    return float(quantiles(took_s[here], calls.cut[here], QUANTILES)[0].mean())


def _levels(took_s: Floats, calls: Calls, slots: int) -> tuple[tuple[Level, ...], float]:
    """Neighbouring levels are put together until each has calls enough; the last has what is left."""
    within = np.flatnonzero(calls.in_flight <= slots)
    if len(within) < CALLS_MIN:  # nearly all found a line: what they took last is all that is known
        within = np.arange(len(took_s))
    order = within[np.argsort(calls.in_flight[within], kind="stable")]
    wanted = max(CALLS_MIN, -(-len(order) // LEVELS_MAX))
    found: list[Level] = []
    bounds: list[float] = []
    start = 0
    while start < len(order):
        stop = _stop(calls.in_flight[order], start, wanted)
        here = order[start:stop]
        times_s, bounded = quantiles(took_s[here], calls.cut[here], QUANTILES)
        in_service = round(float(calls.in_flight[here].mean()), 3)
        found.append(Level(in_service=in_service, times_s=tuple(times_s.round(9).tolist())))
        bounds.append(bounded * len(here))
        start = stop
    return tuple(found), sum(bounds) / len(order)


def _stop(levels: npt.NDArray[np.int64], start: int, wanted: int) -> int:
    """Where a group of whole levels ends that has `wanted` calls; it takes the rest where that is less."""
    stop = min(start + wanted, len(levels))
    stop = int(np.searchsorted(levels, levels[stop - 1], side="right"))
    return len(levels) if len(levels) - stop < wanted else stop
