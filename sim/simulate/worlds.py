"""The world that a plan takes place in: table, servers, faults, for the part that is simulated. Pure.

An endpoint stands for its share of the pool's machines behind an even balancer: their slots, one queue.
"""

from proxy.offline.limits import QueueLimits
from proxy.routing.problems import Reports
from proxy.routing.table import Table
from sim.fleet.errors import FleetRefused
from sim.fleet.fleet import Pool, ServiceTime
from sim.replay.plan import ReplayPlan
from sim.simulate.ground import Ground, Part, endpoints_of, fitting, pool_of, read_table, thinned
from sim.simulate.happenings import check, drains_of, faults_of, reloads_of, tables_of
from sim.world.plan import QueuePlan, ServerPlan, Service, WorldPlan


def world_of(plan: ReplayPlan, ground: Ground, part: Part, seconds: float) -> WorldPlan:
    """For a schedule of so many seconds. Raises FleetRefused with all that does not fit."""
    table = read_table(ground.table)
    fitting(ground, table)
    tables = tables_of(plan.faults, ground)
    every = [table, *(read_table(text) for _, text in tables)]
    for each in every[1:]:
        fitting(ground, each, later=True)
    reports = Reports()
    check(plan, ground, {name for each in every for name in each.applications}, reports)
    if reports.found:
        raise FleetRefused("\n" + "\n".join(reports.problems().lines(plan.name)))
    ends_s = seconds + plan.limits.drain_s_max + 1.0
    servers: dict[str, ServerPlan] = {}
    for each in every:
        for server in _servers(plan, ground, each, part, ends_s):
            servers.setdefault(server.url, server)
    return WorldPlan(
        table=thinned(ground, ground.table, part),
        servers=tuple(servers.values()),
        streams=(),
        reloads=reloads_of([(at_s, thinned(ground, text, part)) for at_s, text in tables]),
        drains=drains_of(plan.faults, ends_s),
        queue=QueuePlan(tickets_max=max(1, round(QueueLimits().tickets_max / part.finer))),
        rest_s=plan.limits.drain_s_max,
    )


def _servers(plan: ReplayPlan, ground: Ground, table: Table, part: Part, ends_s: float) -> list[ServerPlan]:
    found = []
    for name in table.applications:
        pool, urls = pool_of(ground, table, name), endpoints_of(ground, table, name, part)
        machines = pool.machines / part.sampled / len(urls)
        found += [
            ServerPlan(
                url=url, application=pool.application, service=service_of(pool.service, machines),
                slots=slots_of(pool, machines), latency_s=pool.network_s / 2, works_on=pool.works_on,
                faults=faults_of(plan.faults, pool.application, ends_s),
            )
            for url in urls
        ]  # fmt: skip
    return found


def slots_of(pool: Pool, machines: float) -> int:
    """Of an endpoint that stands for so many machines of the pool."""
    return max(1, round(pool.slots * machines))


def service_of(service: ServiceTime, machines: float) -> Service:
    """As the world has it, of so many machines together."""
    return Service(
        base_s=service.base_s, each_s=service.each_s, knee=service.knee, slope=service.slope,
        shape=service.spread, sigma=service.sigma, machines=machines,
        measured=tuple((each.in_service, each.times_s) for each in service.measured),
    )  # fmt: skip


def rounded(plan: WorldPlan, ground: Ground, part: Part) -> list[str]:
    """Which pools have other slots in the simulation than by their share, by more than 1%, in words."""
    found = []
    for pool in ground.pools:
        slots = sum(each.slots for each in plan.servers if each.application == pool.application)
        wanted = pool.machines * pool.slots / part.sampled
        if abs(slots / wanted - 1) > 0.01:
            found.append(
                f"pool {pool.application} has {slots} slots in the simulated part, by its share {wanted:.1f}"
            )
    return found
