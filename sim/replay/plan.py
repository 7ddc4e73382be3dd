"""A replay as data: where to, which load in which stages, what must hold, and what goes wrong when."""

import msgspec

from sim.load.limits import Punctuality
from sim.load.target import Target
from sim.replay.threshold import Threshold
from sim.shapes.shape import AnyShape


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One after another; `mix`: weights of classes in place of their own."""

    name: str
    shape: AnyShape
    mix: tuple[tuple[str, float], ...] = ()
    line: int


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What a class sends. `path`: a file or folder; `field`: of its rows; `size_bytes`: of what is made."""

    kind: str = "small"
    path: str = ""
    field: str = ""
    size_bytes: int = 1_024
    line: int = 0


class TrafficClass(msgspec.Struct, frozen=True, kw_only=True):
    """Of all requests its share by weight; each request has one of the labels, in turn."""

    name: str
    weight: float
    deadline_s: float
    labels: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    payload: Payload = Payload()


class Virtual(msgspec.Struct, frozen=True, kw_only=True):
    """What a fault does in virtual time: to the machines of `pool`, for `for_s` (0: until the next there).

    `kind`: `well` ends what there was, `none` does nothing, the others as in `sim/world/plan.py`. `share` of
    the requests meets it.
    """

    kind: str
    pool: str = ""
    factor: float = 1.0
    share: float = 1.0
    status: int = 500
    for_s: float = 0.0
    line: int = 0


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """At `at_s` from the start: a command, or an HTTP request. One that fails makes the run invalid."""

    name: str
    at_s: float
    command: tuple[str, ...] = ()
    method: str = "POST"
    url: str = ""
    body: str = ""
    file: str = ""  # whose content is the body
    headers: tuple[tuple[str, str], ...] = ()
    virtual: Virtual | None = None
    line: int = 0


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan meets in virtual time; files from its folder. `scale`: 0: the plan's own."""

    table: str = ""
    fleet: str = ""
    scale: float = 0.0


class AbortRule(msgspec.Struct, frozen=True, kw_only=True):
    """The run ends when, for so long, more than this share of what ended had failed."""

    failed_share: float
    for_s: float


class ReplayLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one run, all together."""

    requests_max: int = 5_000_000
    seconds_max: float = 3_600.0
    connections_max: int = 1_024
    answer_s_max: float = 30.0
    drain_s_max: float = 10.0
    payload_bytes_max: int = 64 * 1024 * 1024


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`minimum_sample`: the fewest answers that a percentile is believed with; 0: ten beyond it."""

    name: str
    says: str
    target: Target
    stages: tuple[Stage, ...]
    classes: tuple[TrafficClass, ...]
    thresholds: tuple[Threshold, ...]
    faults: tuple[Fault, ...]
    abort: AbortRule | None
    limits: ReplayLimits
    punctuality: Punctuality
    metrics: str
    metrics_every_s: float
    minimum_sample: int
    scale: float
    seed: int
    processes: int
    simulation: Simulation = Simulation()
