"""One case: the bytes, to which end, and how they are to be sent; all that a replay needs."""

import msgspec

EDGE = "edge"
CLUSTERS = "clusters"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """`cut_seed` decides cuts and delays; `tight` means limits so low that small messages meet them."""

    end: str  # EDGE: a caller's stream; CLUSTERS: a model server's
    data: bytes
    cut_seed: int = 0
    tight: bool = False
    valid: bool = False  # well-formed wholly, and within the usual limits: must be served
    name: str = ""
    expected: tuple[str, ...] = ()  # what it must come to, one line a message; empty: only the judges decide


class Fault(Exception):
    """The judges' complaint about a case."""
