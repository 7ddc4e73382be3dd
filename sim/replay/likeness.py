"""How like a live run its simulation is: signed errors by stage and class, and which are too large. Pure.

An error is the simulation's less the live figure's, as a share of the live one; of deferred shares, in
points. Up to 80% of what the fleet serves, throughput and latency are judged; beyond it, in the spike, the
slow end of latency and what is deferred. A percentile of few answers is told and not judged.
"""

import msgspec

from sim.replay.figures import Figures
from sim.replay.outcome import Outcome
from sim.replay.threshold import SAMPLES_ABOVE

BELOW_LOAD = 0.8
"""Of the rate that all machines serve at most."""

BELOW = {"throughput": 0.02, "p50": 0.05, "p99": 0.10}
SPIKE = {"p99": 0.20, "deferred": 0.02}
FIGURES = ("throughput", "p50", "p99", "deferred")
SAMPLES_MIN = {"p50": 2 * SAMPLES_ABOVE, "p99": 100 * SAMPLES_ABOVE}
POINTS = "deferred"
"""Whose error is a difference of shares."""


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a class in a stage; `most` None, and `within` None: it is not judged."""

    stage: str
    load: float
    of: str
    figure: str
    live: float
    simulated: float
    error: float
    most: float | None
    within: bool | None

    @property
    def shown(self) -> tuple[str, ...]:
        """As a row of words."""
        points = self.figure == POINTS
        unit = {"throughput": "/s", "p50": " ms", "p99": " ms"}.get(self.figure, "")
        pair = [f"{each:.2%}" if points else f"{each:,.1f}{unit}" for each in (self.live, self.simulated)]
        error = f"{100 * self.error:+.2f} points" if points else f"{self.error:+.1%}"
        most = "" if self.most is None else f"{100 * self.most:g} points" if points else f"{self.most:.0%}"
        word = {True: "met", False: "MISSED", None: ""}[self.within]
        return (f"{self.stage} ({self.load:.0%})", self.of, self.figure, *pair, error, most, word)


HEADER = ("stage (load)", "class", "figure", "live", "simulated", "error", "allowed", "")


def likeness(live: Outcome, simulated: Outcome) -> list[Likeness]:
    """Of the stages and classes that both have; `simulated` is the one in virtual time."""
    assert simulated.simulated is not None, "nothing to judge a load by"
    full_rate = simulated.simulated.full_rate
    rows = []
    for stage in live.stages:
        seconds = stage.to_s - stage.from_s
        planned = live.classes["all"].stages[stage.name].arrivals / seconds
        for name in live.classes:
            theirs = simulated.classes.get(name)
            if theirs is None or stage.name not in theirs.stages:
                continue
            pair = live.classes[name].stages[stage.name], theirs.stages[stage.name]
            weights = live.weight / seconds, simulated.weight / seconds
            rows += _rows(stage.name, planned * live.weight / full_rate, name, pair, weights)
    return rows


def likeness_of(first: Outcome, second: Outcome) -> list[Likeness]:
    """The same of two, one of which is simulated, in either order; nothing of any others."""
    if (first.simulated is None) == (second.simulated is None):
        return []
    return likeness(second, first) if second.simulated is None else likeness(first, second)


def _rows(
    stage: str, load: float, of: str, pair: tuple[Figures, Figures], weights: tuple[float, float]
) -> list[Likeness]:
    mine, theirs = (_found(each, weight) for each, weight in zip(pair, weights, strict=True))
    answers = min(each.good + each.late for each in pair)
    allowed = BELOW if load <= BELOW_LOAD else SPIKE
    rows = []
    for figure in FIGURES:
        live, simulated = mine[figure], theirs[figure]
        error = simulated - live
        if figure != POINTS:
            error = error / live if live else float(simulated != live)
        most = allowed.get(figure) if answers >= SAMPLES_MIN.get(figure, 0) else None
        rows.append(
            Likeness(
                stage=stage, load=load, of=of, figure=figure, live=live, simulated=simulated, error=error,
                most=most, within=None if most is None else abs(error) <= most,
            )
        )  # fmt: skip
    return rows


def _found(figures: Figures, weight: float) -> dict[str, float]:
    return {
        "throughput": figures.good * weight,
        "p50": figures.latency_ms["p50"],
        "p99": figures.latency_ms["p99"],
        "deferred": figures.deferred / max(figures.arrivals, 1),
    }
