"""How an attempt, and how a request, can end; and what a caller wants when it does.

Enums of `str`: their hash and their text cost nothing, where those of a plain `Enum` are functions in Python.
"""

import enum


class Outcome(enum.StrEnum):
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
    SUPERSEDED = "superseded"  # of two calls at once (a hedge) the other one answered first


class Fallback(enum.StrEnum):
    """What the caller wants once no tier is left."""

    QUEUE = "queue"  # a ticket (the default)
    NONE = "none"  # 503 (`Penstock-Fallback: none`)
    AT_ONCE = "at-once"  # straight to the queue (`Prefer: respond-async`)


class Verdict(enum.StrEnum):
    """How a request ended; the `outcome` of `penstock_requests_total`."""

    SERVED = "served"
    REJECTED = "rejected"  # a model server refused the caller's own input
    PARKED = "parked"  # durable in the offline queue, a ticket was given
    EXHAUSTED = "exhausted"  # no tier left and no ticket wanted or to be had
    UNROUTABLE = "unroutable"  # no row shares a label
    ABANDONED = "abandoned"  # the caller left
