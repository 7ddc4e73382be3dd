"""The calls of a recording, by endpoint: when each began, what it took, how many were in flight as it began.

As the proxy saw them: with the network and the server's own queue in it. Pure.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proxy.messages import Outcome
from proxy.recording.rows import Row

Floats = npt.NDArray[np.float64]

SEEN = frozenset((Outcome.OK.value, Outcome.REJECTED.value))
"""A whole answer: the server took so long for its work."""

CUT = frozenset((Outcome.TIMEOUT.value, Outcome.SUPERSEDED.value))
"""The proxy waited no longer: the work takes longer than that."""


ROUNDED_S = 2e-6
"""What ended so shortly after is over: both ends of a call are rounded to microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calls:
    """Of one application. `in_flight` counts at the same endpoint, the call itself included.

    `cut`: the proxy gave it up after `took_s`. `failures`: calls that ended otherwise, by outcome; they were
    in flight, and are not in the arrays.
    """

    took_s: Floats
    cut: npt.NDArray[np.bool_]
    in_flight: npt.NDArray[np.int64]
    failures: dict[str, int]

    def __len__(self) -> int:
        return len(self.took_s)


def calls_of(rows: list[Row], *, from_s: float = 0.0) -> dict[str, Calls]:
    """By application; those that began before `from_s` count as in flight, and no more."""
    by_application: dict[str, list[tuple[int, float, float, str]]] = {}
    for row in rows:
        for each in row.attempts:
            began_s = row.t_s + each.began_ms / 1e3
            told = (each.endpoint, began_s, each.ms / 1e3, each.outcome)
            by_application.setdefault(each.application, []).append(told)
    return {name: _calls(found, from_s) for name, found in sorted(by_application.items())}


def _calls(told: list[tuple[int, float, float, str]], from_s: float) -> Calls:
    endpoints = np.array([each[0] for each in told])
    began_s = np.array([each[1] for each in told])
    took_s = np.array([each[2] for each in told])
    outcomes = np.array([each[3] for each in told])
    in_flight = np.zeros(len(told), dtype=np.int64)
    for endpoint in np.unique(endpoints):
        here = np.flatnonzero(endpoints == endpoint)
        in_flight[here] = in_flight_at(began_s[here], began_s[here] + took_s[here])
    cut = np.isin(outcomes, list(CUT))
    whole = cut | np.isin(outcomes, list(SEEN))
    kept = whole & (began_s >= from_s)
    names, counts = np.unique(outcomes[~whole], return_counts=True)
    return Calls(
        took_s=took_s[kept],
        cut=cut[kept],
        in_flight=in_flight[kept],
        failures=dict(zip(names.tolist(), counts.tolist(), strict=True)),
    )


def in_flight_at(began_s: Floats, ended_s: Floats) -> npt.NDArray[np.int64]:
    """Of each call, how many are in flight as it begins, itself included.

    Calls that begin at the same moment come one after another.
    """
    order = np.argsort(began_s, kind="stable")
    found = np.empty(len(began_s), dtype=np.int64)
    ended = np.searchsorted(np.sort(ended_s) - ROUNDED_S, began_s[order], side="right")
    found[order] = np.arange(1, len(began_s) + 1) - ended
    return np.maximum(found, 1)
