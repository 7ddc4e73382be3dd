"""What is told of a simulated run beside its outcome: pools, cost, and what the figures stand on. Pure."""

from sim.fleet.fleet import Pool
from sim.replay.outcome import Outcome
from sim.replay.plan import ReplayPlan
from sim.replay.simulated import PoolTold, Simulated
from sim.simulate.cost import SECONDS_PER_HOUR, cost_by_class, cost_of
from sim.simulate.ground import Ground, Part
from sim.simulate.usage import Usage

STANDS_ON = "Requests have their class's labels (no labeler runs); an endpoint's machines are evenly loaded."


def simulated(
    plan: ReplayPlan,
    ground: Ground,
    part: Part,
    outcome: Outcome,
    usage: Usage,
    notes: list[str],
    requests: int,
    took_s: float,
) -> Simulated:
    """Of a run that has ended."""
    fleet, seconds = ground.fleet, outcome.seconds
    hours = fleet.hours or seconds / SECONDS_PER_HOUR
    names = [each.name for each in plan.classes]
    arrivals = {name: outcome.classes[name].figures.arrivals * part.sampled for name in names}
    return Simulated(
        fleet=fleet.name,
        says=fleet.says,
        assumed=fleet.assumed,
        currency=fleet.currency,
        hours=hours,
        edge_ms=fleet.edge_s * 1e3,
        proxies=fleet.proxies,
        sampled=part.sampled,
        requests=requests,
        took_s=took_s,
        pools=[_pool(each, part, hours, seconds, usage) for each in ground.pools],
        classes=cost_by_class(names, arrivals, ground.pools, usage.busy_s, hours, seconds),
        cost=sum(cost_of(each, hours) for each in ground.pools),
        notes=[*_part(fleet.proxies, part), STANDS_ON, *notes],
    )


def _pool(pool: Pool, part: Part, hours: float, seconds: float, usage: Usage) -> PoolTold:
    slots = pool.machines * pool.slots / part.sampled
    busy_s = sum(found for (name, _), found in usage.busy_s.items() if name == pool.application)
    return PoolTold(
        application=pool.application,
        name=pool.title,
        machines=pool.machines,
        slots=pool.slots,
        hourly=pool.cost,
        cost=cost_of(pool, hours),
        full_rate=pool.full_rate,
        busy=busy_s / (slots * seconds),
        busy_peak=max((each.busy.get(pool.application, 0.0) for each in usage.samples), default=0.0),
    )


def _part(proxies: int, part: Part) -> list[str]:
    """What part of the whole is simulated, in words."""
    if part.finer == 1.0:
        alike = f"One of {proxies:,} proxies with its share of load and machines; the others are alike."
        return ["One proxy, and every request." if proxies == 1 else alike]
    if part.finer < 1.0:
        several = f"{proxies / part.sampled:g} of {proxies:,} proxies"
        return [f"{several} as one, which shares what it has better than several do."]
    what = f"one in {part.sampled:,}"
    of = f"of the requests, machines and limits of the table ({proxies:,} proxies)"
    return [f"Simulated: {what} {of}. A smaller pool queues a little more: latency is on the high side."]
