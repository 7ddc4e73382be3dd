"""What `penstock serve` was told, as one value."""

from pathlib import Path

import msgspec

from proxy.certificate import CertificateFiles
from proxy.clusters.limits import ClientLimits
from proxy.edge.limits import EdgeLimits
from proxy.observe.tracing import TraceOptions
from proxy.offline.drain import DrainLimits
from proxy.recording.desk import BodyPolicy

Address = tuple[str, int]

PROCESSES_MAX = 64

HTTP, HTTPS = "http", "https"


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Of the whole proxy; its limits of connections hold in each process."""

    table: Path
    listen: Address = ("127.0.0.1", 8080)
    admin: Address = ("127.0.0.1", 9090)
    tls: CertificateFiles | None = None  # of the data side; None = plain HTTP
    tls_listen: Address | None = None  # TLS is spoken there, and none at `listen`
    queue: str = "sqlite:///penstock.db"
    processes: int = 1
    pin: bool = False  # each of several processes to a core of its own
    log_level: str = "info"
    drain_s: float = 25.0
    seed: int | None = None  # of the weighted draws; None = a fresh one
    edge: EdgeLimits = EdgeLimits()
    client: ClientLimits = ClientLimits()
    drain: DrainLimits = DrainLimits()
    traces: TraceOptions = TraceOptions()
    bodies: BodyPolicy = BodyPolicy()  # of recordings

    @property
    def data_sides(self) -> dict[str, Address]:
        """Where callers are served, by scheme."""
        if self.tls is None:
            return {HTTP: self.listen}
        if self.tls_listen is None:
            return {HTTPS: self.listen}
        return {HTTP: self.listen, HTTPS: self.tls_listen}
