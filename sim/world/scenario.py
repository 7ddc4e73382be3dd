"""A scenario: a plan by name, and the lines that a run must pass. `judge` reads a run that has ended."""

from collections.abc import Callable

import msgspec

from proxy.qos.permits import PermitsOf
from sim.world.checkers.roster import checkers_of
from sim.world.gauge import Gauge
from sim.world.plan import WorldPlan
from sim.world.tally import ClassTally, Tally
from sim.world.watch import Violation
from sim.world.world import World


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold: what, what it came to, and whether that is enough."""

    what: str
    value: float
    holds: bool


def at_least(what: str, value: float, least: float) -> Line:
    """A line with a floor."""
    return Line(what=f"{what} at least {least:g}", value=value, holds=value >= least)


def at_most(what: str, value: float, most: float) -> Line:
    """A line with a ceiling."""
    return Line(what=f"{what} at most {most:g}", value=value, holds=value <= most)


class Run:
    """One run of a plan under all checkers, and what was gauged."""

    def __init__(self, plan: WorldPlan, seed: int, permits_of: PermitsOf) -> None:
        self.gauge = Gauge()
        checkers = (self.gauge, *checkers_of(plan))
        self.world = World(plan, seed, checkers, permits_of=permits_of, to_the_end=True)
        self.violations: tuple[Violation, ...] = self.world.run()
        self.tally = Tally({})
        for tally in self.world.tallies:
            self.tally.add(tally)

    def of(self, class_name: str) -> ClassTally:
        """The orders of a class."""
        return self.tally.classes.get(class_name, ClassTally())

    def goodput(self, class_name: str) -> float:
        """The share of a class's orders that were served in time."""
        tally = self.of(class_name)
        return tally.good / tally.orders if tally.orders else 1.0

    def broke(self, rule: str) -> int:
        """How often a rule was broken; of very many breaches the first are counted."""
        return sum(each.rule.startswith(rule) for each in self.violations)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """`beside` is a second plan, where a line compares the first with it; `full` the plan at full size."""

    name: str
    plan: WorldPlan
    judge: Callable[[Run, Run | None], list[Line]]
    about: str = ""
    beside: WorldPlan | None = None
    full: WorldPlan | None = None
