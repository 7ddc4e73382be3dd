"""The cases: what is sent, over how many connections, and what is measured."""

import enum
from collections.abc import Callable, Sequence

import msgspec

from sim.bench.peers.payload import failing_requests, small_requests, tensor_requests


class Kind(enum.Enum):
    """How a case loads a peer."""

    SATURATED = "saturated"  # wrk: as much as the connections allow
    OPEN = "open"  # a constant rate, latency from the due time
    IDLE = "idle"  # connections that do nothing


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the benchmark."""

    name: str
    title: str
    kind: Kind = Kind.SATURATED
    connections: int = 64
    tls: bool = False
    requests: Callable[[], list[bytes]] = small_requests
    stretch: int = 1  # how many times longer than usual a turn is
    often: int = 1  # how many times more turns than usual there are

    def turns(self, usual: int) -> int:
        """How many a peer has in a round. Idle connections are for a fresh one."""
        return 1 if self.kind is Kind.IDLE else usual * self.often


SMALL = "small-64"
"""The case by which the rate of the open loop is found, and the one of all variants: it is measured most."""

CASES = (
    # First, for a peer that has been busy keeps memory that idle connections would then use.
    Case(name="idle", title="10,000 idle connections", kind=Kind.IDLE, connections=10_000),
    Case(name="small-16", title="250 bytes of JSON, 16 connections", connections=16),
    Case(name=SMALL, title="250 bytes of JSON, 64 connections", often=3),
    Case(name="small-512", title="250 bytes of JSON, 512 connections", connections=512),
    Case(name="fall-through", title="tier 0 answers 503 to every request", requests=failing_requests),
    Case(
        name="tensor-100k",
        title="100 KB tensors, 16 connections",
        connections=16,
        requests=lambda: tensor_requests(100_000),
    ),
    Case(
        name="tensor-1m",
        title="1 MB tensors, 8 connections",
        connections=8,
        requests=lambda: tensor_requests(1_000_000),
    ),
    Case(name="tls", title="250 bytes of JSON over TLS, 64 connections", tls=True),
    Case(name="open-loop", title="a constant rate", kind=Kind.OPEN, stretch=3),
)

QUICK = ("idle", SMALL, "fall-through", "tensor-100k", "tls", "open-loop")
QUICK_IDLE = 500


def at_rate(cases: Sequence[Case], rate: float) -> tuple[Case, ...]:
    """The same, the open loop's title with its rate."""
    return tuple(
        msgspec.structs.replace(case, title=f"a constant {rate:,.0f} requests a second")
        if case.kind is Kind.OPEN
        else case
        for case in cases
    )


def chosen(names: Sequence[str], *, quick: bool) -> tuple[Case, ...]:
    """The cases of these names, in our order; where none is named, all, or the quick ones."""
    known = {case.name for case in CASES}
    unknown = sorted(set(names) - known)
    if unknown:
        raise ValueError(f"no case {', '.join(unknown)}; there are {', '.join(case.name for case in CASES)}")
    wanted = set(names) or (set(QUICK) if quick else known)
    cases = tuple(case for case in CASES if case.name in wanted)
    if not quick:
        return cases
    return tuple(
        msgspec.structs.replace(case, connections=QUICK_IDLE, title=f"{QUICK_IDLE} idle connections")
        if case.kind is Kind.IDLE
        else case
        for case in cases
    )
