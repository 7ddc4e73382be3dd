"""The shapes that a load can have, as data. Rates are per second, times in seconds, files CSV or CSV.GZ."""

import msgspec

from sim.shapes.scatter import How


class Shape(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower, forbid_unknown_fields=True
):
    """Any of the shapes below. `arrivals`: how requests scatter; `cv` is that of the gaps, for `gamma`."""

    arrivals: How = "poisson"
    cv: float = 1.0


class Constant(Shape, frozen=True, kw_only=True):
    """One rate."""

    rate: float
    seconds: float


class Steps(Shape, frozen=True, kw_only=True):
    """Rates one after another, each for the same time."""

    rates: tuple[float, ...]
    each_s: float


class Ramp(Shape, frozen=True, kw_only=True):
    """From one rate to another, in a straight line."""

    from_rate: float
    to_rate: float
    seconds: float


class Burst(Shape, frozen=True, kw_only=True):
    """A flow, and on top `size` requests within `spread_s`: first at `first_s`, then `every_s`; 0: once."""

    rate: float
    seconds: float
    size: int
    spread_s: float = 1.0
    first_s: float = 0.0
    every_s: float = 0.0


class Sine(Shape, frozen=True, kw_only=True):
    """Swings around a mean, by `amplitude`, once in `period_s`; begins at its mean and rises."""

    rate: float
    amplitude: float
    period_s: float
    seconds: float


class Traced(Shape, frozen=True, kw_only=True):
    """From a file: from `from_s` to `to_s` (0: its end), `speed` times as fast, `scale` times the rate."""

    file: str
    from_s: float = 0.0
    to_s: float = 0.0
    speed: float = 1.0
    scale: float = 1.0


class Rates(Traced, frozen=True, kw_only=True):
    """A rate series, `t, rate`; `counts`: its values are requests by interval."""

    column: str = ""
    counts: bool = False


class Clients(Traced, frozen=True, kw_only=True):
    """ServeGen's clients, each with its own burstiness; of one category, or of all."""

    category: str = ""


class Log(Traced, frozen=True, kw_only=True):
    """A request log: the times of its requests. `loop_s`: again and again until so much time has passed."""

    column: str = ""
    loop_s: float = 0.0


class Recorded(Traced, frozen=True, kw_only=True, tag="recording"):
    """A recording of the proxy's: each request at its time, with its class, labels and size."""


class Milestones(Traced, frozen=True, kw_only=True):
    """A day by its public milestones, of a mean `rate`; before midnight (`from_s` < 0) at `quiet` × that."""

    year: int
    rate: float
    quiet: float = 1.0


AnyShape = Constant | Steps | Ramp | Burst | Sine | Rates | Clients | Log | Recorded | Milestones
