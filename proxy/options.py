"""What `penstock serve` was told, as one value."""

from pathlib import Path

import msgspec

from proxy.certificate import CertificateFiles
from proxy.clusters.limits import ClientLimits
from proxy.edge.limits import EdgeLimits
from proxy.observe.tracing import TraceOptions
from proxy.offline.drain import DrainLimits

Address = tuple[str, int]

PROCESSES_MAX = 64


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Of the whole proxy; its limits of connections hold in each process."""

    table: Path
    listen: Address = ("127.0.0.1", 8080)
    admin: Address = ("127.0.0.1", 9090)
    tls: CertificateFiles | None = None  # of the data side; None = plain HTTP
    queue: str = "sqlite:///penstock.db"
    processes: int = 1
    log_level: str = "info"
    drain_s: float = 25.0
    seed: int | None = None  # of the weighted draws; None = a fresh one
    edge: EdgeLimits = EdgeLimits()
    client: ClientLimits = ClientLimits()
    drain: DrainLimits = DrainLimits()
    traces: TraceOptions = TraceOptions()
