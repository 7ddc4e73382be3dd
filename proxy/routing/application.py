"""What the table says of applications and labelers: values, read when a table is taken into service."""

from typing import Any

import msgspec


class BreakerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When an application is passed over for failing, or for being slow (see `qos/breaker.py`).

    Slow calls are counted only where the table says what is slow: what an application may take is its
    owner's to know, and a wrong guess would take one out of service that is well. What exceeds a row's
    timeout is a failure in any case.
    """

    consecutive: int = 10  # failures in a row
    ratio: float = 0.5  # failures among the calls of the window
    calls_min: int = 20  # below this many calls in the window the ratio says nothing
    window_s: float = 10.0
    rest_s: float = 1.0  # first rest; doubles with each failed probe
    rest_max_s: float = 8.0
    slow_s: float | None = None  # a call that takes longer is slow; None: none is
    slow_ratio: float = 0.5  # slow calls among the latest ones, at least `calls_min` of them


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How the servers themselves are asked whether they are well (`qos/checkup.py`)."""

    path: str  # asked with GET; 200 to 299 says that all is well
    every_s: float = 1.0
    timeout_s: float = 1.0
    down: int = 3  # failed checks in a row, and an endpoint is down
    up: int = 2  # good ones in a row, and it is up again


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What a row's traffic reaches. Limits are ceilings; None = unlimited."""

    id: str
    endpoints: tuple[str, ...]  # base URLs without a trailing slash
    model: str = ""  # the model's name there; empty = as the caller named it
    concurrency: int | None = None  # calls in flight at most
    adaptive: bool = False  # the concurrency is lowered under overload (`qos/adaptive.py`)
    rate: float | None = None  # calls per second at most
    burst: int | None = None  # calls that may start at once within the rate; None = worth 10 ms, at least 1
    headers: tuple[tuple[bytes, bytes], ...] = ()  # added to each call, credentials say
    breaker: BreakerLimits = BreakerLimits()
    health: HealthCheck | None = None  # None: nobody asks
    line: int = 0


class FallThrough(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls there may be beyond one for each request (`qos/budget.py`), over all processes."""

    share: float = 0.2  # more, for each request that comes
    per_second: float = 10.0  # and so many


class LabelerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A labeler as the table asks for it; `labelers/registry.py` builds it."""

    use: str  # a built-in, an entry point, or module:attribute
    options: dict[str, Any]
    default: tuple[str, ...] = ()  # labels when it raises, overruns or yields nonsense
    budget_s: float = 0.02
    line: int = 0
