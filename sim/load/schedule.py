"""What one process sends: due times from the start in seconds, and the class of each request."""

from array import array

import msgspec


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """`kinds`: a byte for each request, the place of its class.

    `which`: of the recorded requests, the last of all there are; below 0: one of its class, in turn.
    """

    due_s: "array[float]"
    kinds: bytes
    which: "array[int] | None" = None
