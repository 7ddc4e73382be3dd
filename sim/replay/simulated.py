"""What is told of a run in virtual time beside its outcome: fleet, cost, what it stands on. Values."""

import msgspec


def counted(machines: float) -> str:
    """A number of machines; parts of one are told."""
    return f"{machines:,.0f}" if machines == round(machines) else f"{machines:,.2f}"


class PoolTold(msgspec.Struct, frozen=True, kw_only=True):
    """Machines behind an application. `busy` and `busy_peak`: of their slots, on average and at most.

    `full_rate`: requests per second of them all with every slot taken; `cost` of the night, `hourly` of a
    machine.
    """

    application: str
    name: str
    machines: float
    slots: int
    hourly: float
    cost: float
    full_rate: float
    busy: float
    busy_peak: float


class ClassCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a class used: its share of the busy time, and of the cost; idle time goes with the busy time.

    `per_thousand`: of its arrivals, for the time that the plan lasts.
    """

    name: str
    share: float
    cost: float
    per_thousand: float


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the search. `deferred`: the share of all requests that got a ticket."""

    machines: float
    met: bool
    missed: list[str]
    deferred: float = 0.0


class Sizing(msgspec.Struct, frozen=True, kw_only=True):
    """How many machines of a pool it takes; `found` None: none that were tried are enough. `said`: so."""

    application: str
    name: str
    now: float
    found: float | None
    within: float  # machines: the search is no finer
    said: str
    trials: list[Trial]


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """`sampled`: so many requests each stands for; `proxies`: that share the night, one is simulated."""

    fleet: str
    says: str
    assumed: str
    currency: str
    hours: float
    edge_ms: float
    proxies: int
    sampled: int
    requests: int  # simulated
    took_s: float  # of real time
    pools: list[PoolTold]
    classes: list[ClassCost]
    cost: float
    notes: list[str]
    sizing: list[Sizing] = []

    @property
    def full_rate(self) -> float:
        """Requests per second of all pools with every slot taken."""
        return sum(each.full_rate for each in self.pools)
