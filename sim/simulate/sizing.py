"""How many machines of a pool a night takes: runs of one schedule with fewer and more of them."""

from collections.abc import Callable

import msgspec

from sim.fleet.errors import FleetRefused
from sim.fleet.fleet import Pool
from sim.replay.outcome import INVALID, MET, Outcome
from sim.replay.plan import ReplayPlan
from sim.replay.script import Script
from sim.replay.simulated import Sizing, Trial, counted
from sim.replay.threshold import ALL
from sim.simulate.errand import play
from sim.simulate.ground import Ground
from sim.simulate.search import fewest, next_try

RUNS_MAX = 16
"""Of one pool's search."""

MORE_MAX = 64.0
"""So many times as many machines as there are now are tried at most."""

NEAR_SHARE = 0.01
TOLD_SHARE = 0.005
"""Of all requests: when more are deferred, the answer says so, for thresholds may allow it."""

Told = Callable[[str, float, Outcome], None]
"""Of each run: the pool's name, its machines, the outcome."""


def wanted_pool(ground: Ground, wanted: str) -> Pool:
    """The pool of an application, or of that name. Raises FleetRefused."""
    pool = ground.fleet.with_machines(ground.sized).pool(wanted)
    if pool is None:
        known = ", ".join(each.name or each.application for each in ground.fleet.pools)
        raise FleetRefused(f"the fleet has no pool {wanted} to find the size of; there are {known}")
    return pool


def sized(
    plan: ReplayPlan, script: Script, ground: Ground, wanted: str, sampled: int, told: Told
) -> tuple[Sizing, Ground]:
    """Search, with the other pools as they are; the ground as found. Raises FleetRefused.

    `wanted`: an application, or the name of its pool. The search is no finer than one slot of the simulated
    part, and 1% of the machines.
    """
    pool = wanted_pool(ground, wanted)
    step = max(1.0, float(round(sampled / pool.slots)))
    most = max(step, round(pool.machines * MORE_MAX / step) * step)
    tried: dict[float, bool] = {}
    trials: list[Trial] = []
    while len(tried) < RUNS_MAX:
        count = next_try(tried, pool.machines, least=step, most=most, step=step, near_share=NEAR_SHARE)
        if count is None:
            break
        outcome, _ = play(plan, script, with_machines(ground, pool.application, count), sampled=sampled)
        tried[count] = met(outcome)
        trials.append(trial_of(count, outcome))
        told(pool.title, count, outcome)
    found = fewest(tried)
    sizing = Sizing(
        application=pool.application,
        name=pool.title,
        now=pool.machines,
        found=found,
        within=max(step, NEAR_SHARE * (found or 0)),
        said=said(pool, found, trials),
        trials=trials,
    )
    return sizing, ground if found is None else with_machines(ground, pool.application, found)


def with_machines(ground: Ground, application: str, count: float) -> Ground:
    """The same with so many machines behind the application."""
    return msgspec.structs.replace(ground, sized={**ground.sized, application: count})


def met(outcome: Outcome) -> bool:
    """Every threshold; that a percentile rests on few answers does not make machines too few."""
    return outcome.exit_code == MET or (
        outcome.exit_code == INVALID and not outcome.aborted and all(each.met for each in outcome.judged)
    )


def trial_of(count: float, outcome: Outcome) -> Trial:
    """What is told of a run."""
    figures = outcome.classes[ALL].figures
    deferred = figures.deferred / max(figures.arrivals, 1)
    return Trial(machines=count, met=met(outcome), missed=missed_of(outcome), deferred=deferred)


def missed_of(outcome: Outcome) -> list[str]:
    """What a run missed, in words."""
    aborted = [outcome.aborted] if outcome.aborted else []
    return aborted + [f"{each.of}: {each.text} (was {each.shown})" for each in outcome.judged if not each.met]


def said(pool: Pool, found: float | None, trials: list[Trial]) -> str:
    """The answer in a line."""
    first = trials[0]
    state = "" if not first.missed else f" miss {first.missed[0]}"
    if found is None:
        most = max(each.machines for each in trials)
        tried = f"no number of machines up to {counted(most)} is enough"
        return f"{pool.title}: {tried}; now {counted(pool.machines)}{state}"
    now = "" if found == pool.machines else f", now {counted(pool.machines)}{state}"
    enough = "1 machine is enough" if found == 1 else f"{counted(found)} machines are enough"
    deferred = next(each.deferred for each in trials if each.machines == found)
    cost = f" ({deferred:.0%} of the requests deferred)" if deferred >= TOLD_SHARE else ""
    return f"{pool.title}: {enough}{cost}{now}"
