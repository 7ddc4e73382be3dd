"""The census: what the processes of this proxy counted, and how they are, at one moment."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from proxy.observe.meters import Meters
from proxy.observe.page import ApplicationState
from proxy.pipeline import Pipeline
from proxy.ports import Clock
from proxy.qos.gate import Gate

SERVING = "serving"
STARTING = "starting"
SILENT = "silent"
STATES = (SERVING, STARTING, SILENT)
"""Of a process: it accepts; it does not yet, or not again; it accepts but has not answered this census."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """All processes together."""

    meters: Meters
    labelers: Mapping[tuple[str, str], int]  # by labeler and kind
    applications: Mapping[str, ApplicationState]
    bars: Mapping[str, str]  # why an application may not be called now; one that may is not in it
    processes: Mapping[str, int]  # by state
    restarts: int = 0  # of processes that ended unasked


class Census(Protocol):
    """Who is asked about all processes."""

    async def take(self) -> Counted:
        """Count now."""
        ...

    def generation(self) -> int:
        """Of the table that all processes have in service: the oldest where they differ for a moment."""
        ...

    async def set_drained(self, application: str, drained: bool) -> None:
        """An operator took an application of the table out of service, or back in.

        Returns when it is so in all processes that answer.
        """
        ...


class OwnCensus:
    """`Census` of a process that serves alone."""

    def __init__(self, *, pipeline: Pipeline, clock: Clock) -> None:
        self._pipeline = pipeline
        self._clock = clock

    async def take(self) -> Counted:
        snapshot, now = self._pipeline.snapshot, self._clock.now()
        return Counted(
            meters=self._pipeline.meters,
            labelers=snapshot.labeling.events(),
            applications=states(snapshot.gates, now),
            bars=bars(snapshot.gates, now),
            processes={SERVING: 1},
        )

    def generation(self) -> int:
        return self._pipeline.snapshot.generation

    async def set_drained(self, application: str, drained: bool) -> None:
        self._pipeline.snapshot.gates[application].drained = drained


def states(gates: Mapping[str, Gate], now: float) -> dict[str, ApplicationState]:
    """How this process sees each application."""
    return {
        name: ApplicationState(
            in_flight=gate.permits.in_flight,
            permits_limit=gate.permits.concurrency,
            breaker=gate.breaker.state(now).value,
            drained=gate.drained,
        )
        for name, gate in gates.items()
    }


def bars(gates: Mapping[str, Gate], now: float) -> dict[str, str]:
    """Why this process may not call some of the applications now."""
    found = {name: gate.bar(now) for name, gate in gates.items()}
    return {name: bar for name, bar in found.items() if bar is not None}
