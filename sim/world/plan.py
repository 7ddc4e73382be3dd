"""A world as data: tables, model servers with faults, callers with loads. Times count from its start."""

import enum

import msgspec

from proxy.messages import Fallback
from sim.world.noise import Shape


class FaultKind(enum.Enum):
    """What a model server does wrong."""

    SLOW = "slow"  # `factor` times slower
    REFUSING = "refusing"  # no connection is to be had
    RESETTING = "resetting"  # the connection ends at once
    BLACK_HOLE = "black-hole"  # nothing arrives, nothing comes back
    HALF = "half"  # the connection ends in the middle of the answer
    THROTTLING = "throttling"  # `status` with Retry-After: `retry_after_s`
    FAILING = "failing"  # `status` after the work was done
    GARBAGE = "garbage"  # an answer that is not HTTP
    UNREADY = "unready"  # it says that it is not well, and serves


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault for a while. `share` of the requests meets it."""

    kind: FaultKind
    from_s: float
    until_s: float
    share: float = 1.0
    factor: float = 1.0
    status: int = 500
    retry_after_s: int | None = None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """How long the work on one request takes: a draw of mean 1 times what the load makes of it.

    With n requests in service: `base_s` + `each_s` × n, times 1 + `slope` for each one past the `knee`.
    `measured`, in place of all that: by n, equally likely times; interpolated between, held beyond. A server
    that stands for several `machines` spreads its requests evenly over them, and n is one machine's.
    """

    base_s: float
    each_s: float = 0.0  # what batching costs: a batch of n takes a × n + b
    knee: float | None = None
    slope: float = 0.0
    shape: Shape = Shape.CONSTANT
    sigma: float = 0.5
    machines: float = 1.0
    measured: tuple[tuple[float, tuple[float, ...]], ...] = ()


class ServerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint of an application: a model server behind a network."""

    url: str
    application: str
    service: Service
    slots: int = 8  # requests in service at once; beyond, they wait in its own queue
    latency_s: float = 0.0002  # one way
    works_on: bool = False  # after its client has gone: a zombie
    faults: tuple[Fault, ...] = ()


class Spacing(enum.Enum):
    """How arrivals lie in time."""

    POISSON = "poisson"
    EVEN = "even"
    BURST = "burst"  # all at the phase's beginning


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A load for a while: `rate` a second (in all, for a burst)."""

    from_s: float
    until_s: float
    rate: float
    spacing: Spacing = Spacing.POISSON


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One caller's requests of one kind; open-loop: it never waits for an answer before it sends the next."""

    caller: str
    labels: tuple[str, ...]
    phases: tuple[Phase, ...] = ()
    due_s: tuple[float, ...] = ()  # moments, ascending: the schedule of a live run
    fallback: Fallback = Fallback.NONE
    deadline_s: float | None = None
    patience_s: float | None = None  # then it leaves
    retries_max: int = 0  # naively, at once, on a 503 or after its patience


class ReloadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A table that comes into force, or is refused, at a time."""

    at_s: float
    table: str


class DrainPlan(msgspec.Struct, frozen=True, kw_only=True):
    """An operator takes an application out of service for a while."""

    application: str
    from_s: float
    until_s: float


class QueuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """The durable queue: how long a commit takes, when it is broken, and how much goes in."""

    commit_s: float = 0.002
    broken: tuple[tuple[float, float], ...] = ()
    tickets_max: int = 1_000_000
    waiting: int = 0  # tickets of yesterday that are in it when the world begins
    waiting_labels: tuple[str, ...] = ()  # theirs


class WorldPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that happens in one world, but for the draws."""

    table: str
    servers: tuple[ServerPlan, ...]
    streams: tuple[Stream, ...]
    reloads: tuple[ReloadPlan, ...] = ()
    drains: tuple[DrainPlan, ...] = ()
    queue: QueuePlan = QueuePlan()
    drained: bool = True  # whether tickets are sent again
    waiters_max: int | None = None  # in one line; None = as many as in production
    rest_s: float = 120.0  # how long after the last arrival until it must be at rest
