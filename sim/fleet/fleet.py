"""A fleet as data: which machines stand behind which application, how long they take, and their price."""

import math

import msgspec

from sim.world.noise import Shape


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured with so many requests in service on a machine: equally likely times, ascending."""

    in_service: float
    times_s: tuple[float, ...]

    @property
    def mean_s(self) -> float:
        """Of them all."""
        return math.fsum(self.times_s) / len(self.times_s)


class ServiceTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long a machine works on a request while n are in service on it: by formula, or as `measured`.

    By formula: `base_s` + `each_s` × n, times 1 + `slope` for each one past the `knee`, times a draw of mean
    1. `measured`: levels by ascending load; between two the times are interpolated, beyond the last it holds.
    """

    base_s: float = 0.0
    each_s: float = 0.0
    knee: float | None = None
    slope: float = 0.0
    spread: Shape = Shape.CONSTANT
    sigma: float = 0.5
    measured: tuple[Level, ...] = ()

    def mean_s(self, in_service: float) -> float:
        """With so many in service on a machine."""
        if self.measured:
            return _between(self.measured, in_service)
        past = 0.0 if self.knee is None else max(0.0, in_service - self.knee)
        return (self.base_s + self.each_s * in_service) * (1.0 + self.slope * past)


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """The machines behind one application, spread evenly over its endpoints.

    `slots`: requests in service on one machine at once; what comes beyond waits in its own queue.
    `network_s`: to the machine and back. `cost`: of a machine hour. `works_on`: on a request whose caller has
    gone.
    """

    application: str
    machines: float
    slots: int
    service: ServiceTime
    network_s: float = 0.0004
    cost: float = 0.0
    name: str = ""  # for people; empty: the application's
    works_on: bool = False
    line: int = 0

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or f"pool {self.application}"

    @property
    def full_rate(self) -> float:
        """Requests per second that all of them serve with every slot taken."""
        return self.machines * self.slots / self.service.mean_s(self.slots)


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """`proxies` share load and machines evenly, each with the whole table; one of them is simulated.

    `edge_s`: between caller and proxy and inside it, a request. `hours`: that the machines are paid for; 0:
    as long as the plan lasts. `assumed`: what of all this was not measured, in words.
    """

    name: str
    pools: tuple[Pool, ...]
    says: str = ""
    assumed: str = ""
    currency: str = ""
    hours: float = 0.0
    edge_s: float = 0.0
    proxies: int = 1

    def pool(self, word: str) -> Pool | None:
        """That of an application, or of that name."""
        return next((each for each in self.pools if word in (each.application, each.name)), None)

    def with_machines(self, machines: dict[str, float]) -> "Fleet":
        """The same with so many machines behind these applications."""
        pools = (
            msgspec.structs.replace(each, machines=machines.get(each.application, each.machines))
            for each in self.pools
        )
        return msgspec.structs.replace(self, pools=tuple(pools))


def _between(levels: tuple[Level, ...], in_service: float) -> float:
    below = [each for each in levels if each.in_service <= in_service]
    above = [each for each in levels if each.in_service > in_service]
    if not below or not above:
        return (below[-1] if below else above[0]).mean_s
    low, high = below[-1], above[0]
    share = (in_service - low.in_service) / (high.in_service - low.in_service)
    return low.mean_s + share * (high.mean_s - low.mean_s)
