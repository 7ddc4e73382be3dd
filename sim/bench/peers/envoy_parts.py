"""What both configurations of Envoy are made of: clusters with two priorities, routes, a manager."""

from collections.abc import Sequence
from typing import Any

from sim.bench.peers.peer import Site
from sim.bench.peers.upstream import TIMEOUT_MS, WEIGHTS

Document = dict[str, Any]
_TYPE = "type.googleapis.com/envoy.extensions"
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def extension(name: str, kind: str, **fields: Any) -> Document:
    """One of Envoy's extensions by its name, its type's name below `envoy.extensions`, and its settings."""
    return {"name": name, "typed_config": {"@type": f"{_TYPE}.{kind}", **fields}}


def manager(routes: Document, filters: Sequence[Document], **more: Any) -> Document:
    """What speaks HTTP with callers: `routes` are the virtual host's, `filters` come before the router."""
    router = extension("envoy.filters.http.router", "filters.http.router.v3.Router")
    return extension(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="in",
        codec_type="HTTP1",
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], **routes}]},
        http_filters=[*filters, router],
        **more,
    )


def route(cluster_name: str, deadline_s: float, falls_on: Sequence[int] = ()) -> Document:
    """100 ms a try, and one more try, in the next priority: after any 5xx, silence, and these statuses."""
    previous = extension(
        "envoy.retry_priorities.previous_priorities",
        "retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
        update_frequency=1,
    )
    retry_on = "5xx,reset,connect-failure" + (",retriable-status-codes" if falls_on else "")
    return {
        "cluster": cluster_name,
        "timeout": f"{deadline_s}s",
        "retry_policy": {
            "retry_on": retry_on,
            "retriable_status_codes": list(falls_on),
            "num_retries": 1,
            "per_try_timeout": f"{TIMEOUT_MS / 1000}s",
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
            "retry_priority": previous,
        },
    }


def cluster(name: str, site: Site, circuit_breakers: Document, **more: Any) -> Document:
    """Priority 0 is tier 0 with its weights, priority 1 is tier 1."""
    first = [(site.upstreams.port(letter), weight) for letter, weight in WEIGHTS.items()]
    return {
        "name": name,
        "connect_timeout": f"{TIMEOUT_MS / 1000}s",
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        "circuit_breakers": circuit_breakers,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [_locality(0, first), _locality(1, [(site.upstreams.c, 1)])],
        },
        "typed_extension_protocol_options": {
            _HTTP: {
                "@type": f"type.googleapis.com/{_HTTP}",
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        **more,
    }


def thresholds(count: int) -> Document:
    """So many of everything that a cluster counts, but retries, which have no limit in any peer."""
    in_flight = ("max_connections", "max_pending_requests", "max_requests")
    return {**dict.fromkeys(in_flight, count), "max_retries": RETRIES_MAX}


RETRIES_MAX = 1_000_000_000
"""Envoy's own default is three at once: no limit of the others' kind."""


def address(port: int) -> Document:
    """On this machine."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _locality(priority: int, servers: list[tuple[int, int]]) -> Document:
    endpoints = [
        {"endpoint": {"address": address(port)}, "load_balancing_weight": weight} for port, weight in servers
    ]
    return {"priority": priority, "lb_endpoints": endpoints}
