"""The census: what the processes of this proxy counted, and how they are, at one moment."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from proxy.observe.meters import Meters
from proxy.observe.page import ApplicationState
from proxy.pipeline import Pipeline
from proxy.ports import Clock
from proxy.qos.endpoint import Endpoint
from proxy.qos.gate import Bar, Gate
from proxy.qos.health import fit_of
from proxy.recording.rows import About, ApplicationAbout, ClassAbout
from proxy.routing.sight import Sight
from proxy.snapshot import Snapshot

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
    sights: Sequence[Sight]  # of each process that answered
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
            sights=(sight(snapshot.gates, now),),
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
            endpoints_down=sum(endpoint.health.down for endpoint in gate.endpoints),
        )
        for name, gate in gates.items()
    }


def sight(gates: Mapping[str, Gate], now: float) -> Sight:
    """How this process would draw among the applications now, and among their endpoints."""
    bars = {name: gate.bar(now) for name, gate in gates.items()}
    parts = {name: gate.share(now) for name, gate in gates.items()}
    medians_s = {name: gate.service.median_s(now) for name, gate in gates.items()}
    aside = {name: endpoints_out(gate.endpoints, now) for name, gate in gates.items()}
    return Sight(
        bars={name: bar.value for name, bar in bars.items() if bar is not None},
        parts={name: part for name, part in parts.items() if part < 1.0},
        medians_s={name: median_s for name, median_s in medians_s.items() if median_s},
        endpoints={name: out for name, out in aside.items() if out},
    )


def about(snapshot: Snapshot, processes: int) -> About:
    """The proxy and its table in the header of a recording."""
    table = snapshot.table
    return About(
        table=snapshot.generation,
        digest=table.digest,
        processes=processes,
        classes=[
            ClassAbout(
                name=each.name,
                deadline_ms=None if each.deadline_s is None else round(each.deadline_s * 1e3, 3),
            )
            for each in table.classes
        ],
        applications={
            name: ApplicationAbout(endpoints=len(each.endpoints), concurrency=each.concurrency)
            for name, each in table.applications.items()
        },
    )


HEALTH = "health"
"""Why an endpoint is not drawn that its calls speak against, or its own word."""


def endpoints_out(endpoints: Sequence[Endpoint], now: float) -> dict[str, str]:
    """By URL, why an endpoint is not drawn now: its health, or the quiet that it asked for."""
    fit = set(fit_of([each.health for each in endpoints], now))
    out = {each.target.url: HEALTH for place, each in enumerate(endpoints) if place not in fit}
    held = {each.target.url: Bar.HELD.value for each in endpoints if each.held_until_s > now}
    return {**out, **held}
