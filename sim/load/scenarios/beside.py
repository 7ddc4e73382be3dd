"""A live run and its twin in virtual time, side by side: signed errors, and which are too large. Pure.

The error is the simulation's: positive where it promises more than there was. Latencies are judged up to 80%
of the capacity; beyond it they are whatever the lines were at the time, and only what gets through is held to
account.
"""

from collections.abc import Mapping

import msgspec
from rich.console import Console
from rich.table import Table

from sim.load.result import Result, latency_of
from sim.load.scenarios.measures import ClassFigures, figures_of
from sim.load.scenarios.report import INVALID, MET, MISSED
from sim.load.scenarios.twin import ALL, Hops

ERROR_MAX = {"throughput": 0.02, "p50_ms": 0.05, "p99_ms": 0.10}
JUDGED_LOAD_MAX = 0.8
"""Of the capacity."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one class. `error` is a share of the live one; `within` None: it is not judged."""

    class_name: str
    figure: str
    live: float
    simulated: float
    error: float
    within: bool | None


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """All of one run."""

    scenario: str
    seed: int
    hops: Hops
    rows: list[Comparison]
    invalid: list[str]

    @property
    def status(self) -> int:
        """As the exit status has it."""
        if self.invalid:
            return INVALID
        return MISSED if any(row.within is False for row in self.rows) else MET


def live_figures(result: Result) -> dict[str, ClassFigures]:
    """Of each class, and of all together."""
    classes = figures_of(result).classes
    latency = latency_of([each.latency.hdr for each in result.classes.values()])
    counts = {
        name: sum(getattr(each, name) for each in classes.values())
        for name in ("arrivals", "good", "late", "tickets", "failed")
    }
    return {**classes, ALL: ClassFigures(**counts, p50_ms=latency.p50_ms, p99_ms=latency.p99_ms)}


def compared(
    live: Mapping[str, ClassFigures], simulated: Mapping[str, ClassFigures], seconds: float, load: float
) -> list[Comparison]:
    """Each figure of each class; `load` is a share of the capacity."""
    rows = []
    for name, mine in live.items():
        theirs = simulated[name]
        rows.append(_row(name, "throughput", mine.good / seconds, theirs.good / seconds, judged=True))
        for figure in ("p50_ms", "p99_ms"):
            pair = getattr(mine, figure), getattr(theirs, figure)
            rows.append(_row(name, figure, *pair, judged=load <= JUDGED_LOAD_MAX))
    return rows


def print_beside(console: Console, beside: Beside) -> None:
    """A row for each figure; misses are marked."""
    hops = beside.hops
    console.print(
        f"hops, measured at low load: {1e3 * hops.server_s:.2f} ms to the server and back, "
        f"{1e3 * hops.edge_s:.2f} ms between caller and proxy and inside it",
        highlight=False,
    )
    table = Table()
    for name in ("class", "figure", "live", "simulated", "error", "allowed", ""):
        table.add_column(name, justify="left" if name in ("class", "figure", "") else "right")
    for row in beside.rows:
        mark = {True: "met", False: "MISSED", None: "not judged"}[row.within]
        table.add_row(
            *(row.class_name, row.figure, f"{row.live:,.2f}", f"{row.simulated:,.2f}", f"{row.error:+.1%}"),
            *(f"{ERROR_MAX[row.figure]:.0%}", mark),
        )
    console.print(table)
    for complaint in beside.invalid:
        console.print(f"INVALID: {complaint}", style="red", highlight=False)


def _row(class_name: str, figure: str, live: float, simulated: float, *, judged: bool) -> Comparison:
    error = (simulated - live) / live if live else float(simulated != live)
    return Comparison(
        class_name=class_name,
        figure=figure,
        live=live,
        simulated=simulated,
        error=error,
        within=abs(error) <= ERROR_MAX[figure] if judged else None,
    )
