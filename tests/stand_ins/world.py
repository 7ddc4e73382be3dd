"""Small worlds for tests: two applications, one behind the other, and what a test changes about them."""

from collections.abc import Iterable
from typing import Any

import msgspec

from sim.world.plan import Fault, FaultKind, Phase, ServerPlan, Service, Stream, WorldPlan
from sim.world.watch import Checker, Violation
from sim.world.world import World

FIRST, SECOND, THIRD = "http://first:1", "http://second:1", "http://third:1"

TABLE = """
version: 1
applications:
  1: {endpoints: "http://first:1", FIRST}
  2: {endpoints: "http://second:1", SECOND}
classes:
  - {name: urgent, label: [7], deadline: 300}
routes:
  - {application: 1, timeout: 100, weight: 1, priority: 0, clusterType: http, label: [7, 8]}
  - {application: 2, timeout: 100, weight: 1, priority: 1, clusterType: http, label: [7, 8]}
"""


def table(first: str = "concurrency: 4", second: str = "concurrency: 4") -> str:
    """The table with these limits."""
    return TABLE.replace("FIRST", first).replace("SECOND", second)


def server(url: str = FIRST, *faults: Fault, **fields: Any) -> ServerPlan:
    """A model server that takes 10 ms."""
    application = "2" if url == SECOND else "1"
    plan = ServerPlan(url=url, application=application, service=Service(base_s=0.01), faults=faults)
    return msgspec.structs.replace(plan, **fields)


def fault(kind: FaultKind, **fields: Any) -> Fault:
    """For ever, from the beginning."""
    return msgspec.structs.replace(Fault(kind=kind, from_s=0.0, until_s=1e9), **fields)


def stream(rate: float = 100.0, until_s: float = 1.0, **fields: Any) -> Stream:
    """One caller's load."""
    phase = Phase(from_s=0.0, until_s=until_s, rate=rate)
    return msgspec.structs.replace(Stream(caller="caller", labels=("7",), phases=(phase,)), **fields)


def world_plan(*streams: Stream, **fields: Any) -> WorldPlan:
    """A world with two healthy model servers and these callers, or one."""
    plan = WorldPlan(
        table=table(), servers=(server(FIRST), server(SECOND)), streams=streams or (stream(),), rest_s=30.0
    )
    return msgspec.structs.replace(plan, **fields)


def violations_of(
    plan: WorldPlan, checkers: Iterable[Checker], seed: int = 1, **fields: Any
) -> tuple[Violation, ...]:
    """What the checkers find in it."""
    return World(plan, seed, checkers, **fields).run()
