"""One run as data: where to, when, of which classes, within which limits; and the share of each process."""

import msgspec

from sim.load.arrivals import AnyArrivals, Stored, is_sane, offsets_s, seconds_of
from sim.load.errors import PlanRefused
from sim.load.limits import PROCESSES_MAX, LoadLimits, Punctuality
from sim.load.mix import RequestClass, drawn
from sim.load.schedule import Schedule
from sim.load.stored import read_share
from sim.load.target import Target

CLASSES_MAX = 64


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`warm_up_s`: what is due in the first so many seconds is sent, and not counted."""

    target: Target
    arrivals: AnyArrivals
    classes: tuple[RequestClass, ...] = (RequestClass(name="all"),)
    seed: int = 1
    processes: int = 1
    warm_up_s: float = 0.0
    limits: LoadLimits = LoadLimits()
    punctuality: Punctuality = Punctuality()

    @property
    def seconds(self) -> float:
        """How long the schedule is."""
        return seconds_of(self.arrivals)


def checked(plan: Plan) -> Plan:
    """The plan itself. Raises PlanRefused where it passes a limit or makes no sense."""
    limits = plan.limits
    if not 1 <= plan.processes <= PROCESSES_MAX:
        raise PlanRefused(f"{plan.processes} processes; 1 to {PROCESSES_MAX} are possible")
    if not 0 < plan.seconds <= limits.seconds_max:
        raise PlanRefused(f"{plan.seconds:g} seconds; more than 0 and at most {limits.seconds_max:g} are")
    if not is_sane(plan.arrivals):
        raise PlanRefused("rates, sizes and times are 0 or more, and a burst does not come again at once")
    if not 0 <= plan.warm_up_s < plan.seconds:
        raise PlanRefused(f"a warm-up of {plan.warm_up_s:g} s in {plan.seconds:g} s leaves nothing to count")
    if not 1 <= len(plan.classes) <= CLASSES_MAX:
        raise PlanRefused(f"{len(plan.classes)} classes; 1 to {CLASSES_MAX} are possible")
    if any(each.weight < 0 for each in plan.classes) or not sum(each.weight for each in plan.classes) > 0:
        raise PlanRefused("weights are 0 or more, and not all of them 0")
    if len({each.name for each in plan.classes}) < len(plan.classes):
        raise PlanRefused("two classes have one name")
    if limits.connections_max < plan.processes:
        raise PlanRefused("each process needs at least one connection")
    return plan


def schedule(plan: Plan, process: int = 0) -> Schedule:
    """The share of one process: every n-th request, from its own number on. Raises PlanRefused."""
    if isinstance(plan.arrivals, Stored):
        return read_share(plan.arrivals.folder, process, plan.processes)
    due_s = offsets_s(plan.arrivals, plan.seed, plan.limits.requests_max)
    kinds = drawn(plan.classes, len(due_s), plan.seed)
    return Schedule(due_s=due_s[process :: plan.processes], kinds=kinds[process :: plan.processes])
