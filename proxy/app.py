"""The composition root: the only place that builds concrete parts and puts them together."""

from pathlib import Path

import msgspec

from proxy.clusters.limits import ClientLimits
from proxy.edge.limits import EdgeLimits

SWEEP_S = 5.0
"""How often idle connections to model servers are looked through."""


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `penstock serve` was told."""

    table: Path
    listen: tuple[str, int] = ("127.0.0.1", 8080)
    admin: tuple[str, int] = ("127.0.0.1", 9090)
    queue: str = "sqlite:///penstock.db"
    log_level: str = "info"
    drain_s: float = 25.0
    edge: EdgeLimits = EdgeLimits()
    client: ClientLimits = ClientLimits()
