"""A place in a trace."""

import msgspec


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The proxy's span in a trace (W3C Trace Context); ids are numbers of 128 and 64 bits, never 0."""

    trace_id: int
    span_id: int
    parent_id: int = 0  # the caller's span; 0 = there is none
    flags: int = 1
