"""A scenario as data: servers, a table, load, faults by the clock, and the lines that it must pass."""

import msgspec

from sim.load.arrivals import AnyArrivals
from sim.load.mix import RequestClass
from sim.stubs.behaviours import AnyBehaviour


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A model server; the table knows its URL as `${NAME}`, its name in capitals."""

    name: str
    behaviour: AnyBehaviour


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """From `at_s` on, the pool behaves so."""

    at_s: float
    pool: str
    behaviour: AnyBehaviour


class Reloads(msgspec.Struct, frozen=True, kw_only=True):
    """The table is written again and again, `other` in turn with it, and after each `good` ones a bad one."""

    every_s: float
    other: str
    good: int = 4


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """The breaker of an application, from `since_s` on."""

    application: str
    since_s: float


class Kills(msgspec.Struct, frozen=True, kw_only=True):
    """kill -9 of one of the proxy's processes, any of them, with so many tickets asked for just before it.

    The kill comes up to `within_s` after they were sent: before, while or after they are written.
    """

    every_s: float
    tickets: int = 12
    body_bytes: int = 200_000
    within_s: float = 0.05
    label: str = "3"  # of the tickets' requests


class PassLine(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of `measures.py` and its bounds, both inclusive."""

    measure: str
    says: str
    least: float | None = None
    most: float | None = None

    def passes(self, value: float | None) -> bool:
        """Whether a value lies within; an unknown one never does."""
        if value is None:
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """`model` is what is asked. `window_s`: goodput is counted from and to there, the whole run if None."""

    name: str
    about: str
    pools: tuple[Pool, ...]
    table: str
    arrivals: AnyArrivals
    classes: tuple[RequestClass, ...]
    lines: tuple[PassLine, ...]
    capacity: float  # answers a second of all pools that are meant to serve
    faults: tuple[Fault, ...] = ()
    reloads: Reloads | None = None
    watched: Watched | None = None
    compared: bool = False  # with the same load on the first pool, without the proxy
    window_s: tuple[float, float] | None = None
    model: str = "m"
    processes: int = 1
    kills: Kills | None = None
