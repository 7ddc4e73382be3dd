"""What a stub model server does with a request: frozen values, readable from JSON by their `do`.

Says what, never how: the bytes are made in `performance.py`.
"""

import msgspec

from sim.world.plan import Service


class Behaviour(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag=str.lower, forbid_unknown_fields=True
):
    """Any of the behaviours below. Time is in seconds, sizes are in bytes."""


# -- how long it thinks -------------------------------------------------------------------------------


class Delay(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="draw", tag=str.lower, forbid_unknown_fields=True
):
    """A distribution of delays, drawn afresh for each request."""


class Uniform(Delay, frozen=True, kw_only=True):
    """Between two bounds, each as likely."""

    low_s: float
    high_s: float


class Exponential(Delay, frozen=True, kw_only=True):
    """Of a server without memory."""

    mean_s: float


class Lognormal(Delay, frozen=True, kw_only=True):
    """A heavy tail: half the draws are below the median; `sigma` is that of the logarithm."""

    median_s: float
    sigma: float = 0.5


# -- whole answers ------------------------------------------------------------------------------------


class Ok(Behaviour, frozen=True, kw_only=True):
    """Answers every endpoint of the Open Inference Protocol; an output has the stub's name."""


class Echo(Behaviour, frozen=True, kw_only=True):
    """The request's body comes back as it came, with its Content-Type and Inference-Header-Content-Length."""


class Status(Behaviour, frozen=True, kw_only=True):
    """An error in the protocol's form."""

    code: int
    retry_after_s: float | None = None


class Redirect(Behaviour, frozen=True, kw_only=True):
    """302, as no model server should."""

    location: str = "http://127.0.0.1:1/elsewhere"


class Continue100(Behaviour, frozen=True, kw_only=True):
    """Announces the answer with a 100 first."""


class Chunked(Behaviour, frozen=True, kw_only=True):
    """The answer in chunks of at most this size, in place of a Content-Length."""

    chunk_bytes: int = 7


class Unframed(Behaviour, frozen=True, kw_only=True):
    """The answer says no length: it ends with the connection, as in HTTP/1.0."""


class Close(Behaviour, frozen=True, kw_only=True):
    """Answers well, says `Connection: close`, and closes."""


class SilentClose(Behaviour, frozen=True, kw_only=True, tag="silent-close"):
    """Answers well, as if to keep the connection, and closes it at once."""


# -- faults -------------------------------------------------------------------------------------------


class Refuse(Behaviour, frozen=True, kw_only=True):
    """Nobody listens; open connections are reset, as of a process that died. Only ever on its own."""


class Reset(Behaviour, frozen=True, kw_only=True):
    """Reads the request and resets the connection."""


class Half(Behaviour, frozen=True, kw_only=True):
    """The head and half of the body, then the end of the connection."""


class Truncated(Behaviour, frozen=True, kw_only=True):
    """All but the last bytes, then the end of the connection."""

    missing_bytes: int = 1


class WrongLength(Behaviour, frozen=True, kw_only=True, tag="wrong-length"):
    """Content-Length is off by so much: below 0 more bytes come than announced, above 0 some never come."""

    off_bytes: int = -3


class Garbage(Behaviour, frozen=True, kw_only=True):
    """Not HTTP."""

    text: str = "\x16\x03\x01 this is no answer\r\n\r\n"


class Never(Behaviour, frozen=True, kw_only=True):
    """A black hole: reads and never answers."""


class Drip(Behaviour, frozen=True, kw_only=True):
    """A good answer, a byte at a time."""

    interval_s: float = 0.01


class Huge(Behaviour, frozen=True, kw_only=True):
    """A body of this size."""

    body_bytes: int = 64 * 1024 * 1024 + 1


# -- joined -------------------------------------------------------------------------------------------


class Latency(Behaviour, frozen=True, kw_only=True):
    """Thinks first: a fixed delay in seconds, or one drawn from a distribution."""

    delay: float | Uniform | Exponential | Lognormal
    then: "AnyBehaviour" = Ok()


class Slots(Behaviour, frozen=True, kw_only=True):
    """Serves so many requests at once, each for its delay; the others wait in order; too many are refused.

    Capacity: slots / mean delay. A request whose client has left keeps its slot.
    """

    slots: int
    delay: float | Uniform | Exponential | Lognormal
    waiting_max: int = 1_000
    then: "AnyBehaviour" = Ok()
    full: "AnyBehaviour" = Status(code=503)


class Machines(Behaviour, frozen=True, kw_only=True):
    """An endpoint of a described fleet (`sim/fleet`): its slots, and times that grow with what is in service.

    The same figures as in virtual time. A request whose client has left keeps its slot.
    """

    slots: int
    service: Service
    waiting_max: int = 100_000
    then: "AnyBehaviour" = Ok()
    full: "AnyBehaviour" = Status(code=503)


class Sequence(Behaviour, frozen=True, kw_only=True):
    """One after another, a request each. After the last: again from the first, or the last for ever."""

    behaviours: "tuple[AnyBehaviour, ...]"
    cycle: bool = False


class Sometimes(Behaviour, frozen=True, kw_only=True):
    """A fraction of the requests, from 0 to 1, meets `behaviour`, the others `otherwise`."""

    fraction: float
    behaviour: "AnyBehaviour"
    otherwise: "AnyBehaviour" = Ok()


Answering = Ok | Echo | Status | Redirect | Continue100 | Chunked | Unframed | Close | SilentClose
Faulty = Reset | Half | Truncated | WrongLength | Garbage | Never | Drip | Huge
Simple = Answering | Faulty
"""What one request meets."""
AnyBehaviour = Simple | Refuse | Latency | Slots | Machines | Sequence | Sometimes
