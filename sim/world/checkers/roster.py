"""All checkers of a run. Those that wait for a stage of the proxy count what they see and stop nothing."""

from sim.world.checkers.calls import Budget, Tiers
from sim.world.checkers.concurrency import Concurrency, ConcurrencyOfAll
from sim.world.checkers.conservation import Conservation
from sim.world.checkers.deadlines import Deadlines, Predictions
from sim.world.checkers.hedges import Hedges
from sim.world.checkers.line import CriticalFirst, OneSlot, TicketsLast, WorkConserving
from sim.world.checkers.liveness import Liveness
from sim.world.checkers.probe import Probe
from sim.world.checkers.rate import Rate, RateAcrossReloads
from sim.world.checkers.reloads import Reloads
from sim.world.checkers.rest import Rest
from sim.world.checkers.restraint import Restraint
from sim.world.plan import WorldPlan
from sim.world.watch import Checker


def checkers_of(plan: WorldPlan) -> list[Checker]:
    """A fresh one of each that this world can come to need: most worlds have no reload, or no zombie."""
    checkers = [
        Concurrency(),
        Rate(),
        Conservation(),
        Liveness(),
        Tiers(),
        Hedges(),
        Budget(),
        Deadlines(),
        Predictions(),
        Rest(),
        Restraint(),
    ]
    if plan.reloads:
        checkers += [ConcurrencyOfAll(), RateAcrossReloads(), Reloads()]
    return checkers + _of_lines()


def _of_lines() -> list[Checker]:
    """Of waiting lines."""
    book = CriticalFirst()
    lines = [book, OneSlot(book), WorkConserving(book), TicketsLast(book)]
    return [*lines, Probe(lines)]
