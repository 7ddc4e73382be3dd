"""The values that travel through the proxy: what arrived, what was tried, what is answered.

Immutable everywhere. `msgspec.Struct` is used in place of a frozen dataclass because it is built
in C: a request costs a few of these, and a frozen dataclass costs some ten times more to build.
"""

import enum

import msgspec

Headers = tuple[tuple[bytes, bytes], ...]
"""Header fields in the order received, names as received, values stripped of outer white space."""

Label = str
"""A label in its canonical form: the number 1125 and the word "1125" are the same label."""


class Outcome(enum.Enum):
    """How one attempt on one row ended. What falls through is decided in `tiers/outcome.py` alone."""

    OK = "ok"
    REFUSED = "refused"  # no connection was to be had
    RESET = "reset"  # the connection ended before the whole answer
    TIMEOUT = "timeout"  # the row's timeout or the request's deadline passed first
    THROTTLED = "throttled"  # 429, 450: load, not sickness
    FAILED = "failed"  # 408 and 5xx
    DENIED = "denied"  # 401, 403: our credentials, not the caller's fault
    GARBAGE = "garbage"  # not HTTP, a redirect, or an answer over the size limit
    REJECTED = "rejected"  # the caller's own error: goes back from where it happened


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The proxy's span in a trace (W3C Trace Context); ids are numbers of 128 and 64 bits, never 0."""

    trace_id: int
    span_id: int
    parent_id: int = 0  # the caller's span; 0 = there is none
    flags: int = 1


class Fallback(enum.Enum):
    """What the caller wants once no tier is left."""

    QUEUE = "queue"  # a ticket (the default)
    NONE = "none"  # 503 (`Penstock-Fallback: none`)
    AT_ONCE = "at-once"  # straight to the queue (`Prefer: respond-async`)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One inference request as it arrived; whole, so that it can be replayed for every tier."""

    id: str  # X-Request-Id, made if absent
    method: bytes
    target: bytes  # path and query as received
    model: str = ""  # from the path; empty where the path names none
    version: str = ""
    headers: Headers = ()
    body: bytes = b""
    arrived_s: float = 0.0  # monotonic
    deadline_s: float | None = None  # the caller's whole budget, seconds from arrival
    fallback: Fallback = Fallback.QUEUE
    idempotency_key: str = ""
    drained: bool = False  # comes from the offline queue: the least critical class
    trace: Trace | None = None  # where it is traced from the start


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call goes: one endpoint of an application, and what the server there wants."""

    url: str  # base URL without a trailing slash
    model: str = ""  # the model's name there; empty = as the caller named it
    headers: Headers = ()  # added to each call


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole HTTP answer from an application: end-to-end headers only, body as it came."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A call that ended without a whole answer."""

    outcome: Outcome
    cause: str


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One row tried, as `Penstock-Attempts` reports it."""

    application: str
    tier: int
    outcome: Outcome
    elapsed_s: float
    began_s: float = 0.0  # monotonic
    cause: str = ""  # for logs: the status or what the network said


class Verdict(enum.Enum):
    """How a request ended; the `outcome` of `penstock_requests_total`."""

    SERVED = "served"
    REJECTED = "rejected"  # a model server refused the caller's own input
    PARKED = "parked"  # durable in the offline queue, a ticket was given
    EXHAUSTED = "exhausted"  # no tier left and no ticket wanted or to be had
    UNROUTABLE = "unroutable"  # no row shares a label
    ABANDONED = "abandoned"  # the caller left


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the pipeline answers: the edge turns it into bytes, the drain into a stored result."""

    verdict: Verdict
    answer: Answer
    labels: tuple[Label, ...] = ()
    class_name: str = ""
    application: str = ""  # who answered; empty where nobody did
    tier: int | None = None
    attempts: tuple[Attempt, ...] = ()
    generation: int = 0
    retry_after_s: float | None = None
