"""As much of Penstock's job as Envoy can do by configuration; of two ways to do a part, the cheaper one.

The label is read from JSON bodies by `json_to_metadata`, is made a header field, and is found in a map of
all labels, so that the cost of a request does not grow with their number: a list of 61 routes, tried one by
one, took 6% more processor time per request. What it cannot do is in `lacks` of the peer.

A tensor's body is not JSON as a whole, so its label cannot be read: such requests go by their path.
"""

from sim.bench.peers.envoy_parts import Document, cluster, extension, manager, route, thresholds
from sim.bench.peers.payload import FAILING_LABEL, LABELS, LARGE
from sim.bench.peers.peer import Site
from sim.bench.peers.penstock import CONCURRENCY, DEADLINES_S, RATE, TRACED_PERCENT
from sim.bench.peers.relay import FALLS_THROUGH
from sim.bench.peers.upstream import BODY_BYTES_MAX, TRACES_PATH

HEALTHY, FAILING, COLLECTOR = "models", "failing", "collector"
NAMESPACE, FIELD = "penstock", "x-penstock-label"
BUFFER_BYTES_MAX = BODY_BYTES_MAX
"""So that a body of any size that Penstock takes can be read, and sent again to the next tier."""


def job(site: Site) -> Document:
    """The manager of the listeners."""
    return manager(
        {"matcher": _by_label()},
        [_label_filter(), _field_filter(), _rate_filter()],
        access_log=[_failure_log()],
        tracing=_tracing(site),
    )


def clusters(site: Site) -> list[Document]:
    """The models with their breaker; those that are to fail always without, as in Penstock's table."""
    permits = {
        "thresholds": [thresholds(3 * CONCURRENCY)],
        "per_host_thresholds": [{"max_connections": CONCURRENCY}],  # HTTP/1: what is in flight at an endpoint
    }
    healthy = cluster(HEALTHY, site, permits, outlier_detection=_breaker(), common_lb_config=_no_panic())
    # One healthy endpoint of a priority is enough to stay in it.
    healthy["load_assignment"]["policy"] = {"overprovisioning_factor": 1000}
    return [healthy, cluster(FAILING, site, permits), _collector(site)]


def _by_label() -> Document:
    """The label's route, in a map; unknown ones are answered 404, but for tensors, whose path decides."""
    deadlines = {label: DEADLINES_S[label] for label in LABELS}
    rows = {str(label): _action(HEALTHY, deadline_s) for label, deadline_s in deadlines.items()}
    rows[str(FAILING_LABEL)] = _action(FAILING, max(DEADLINES_S.values()))
    field = {"@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput"}
    tensors = {"prefix": f"/v2/models/{LARGE}/"}
    others = [
        {"match": tensors, "route": route(HEALTHY, DEADLINES_S[LABELS[0]], _falls_on())},
        {"match": {"prefix": "/"}, "direct_response": {"status": 404}},
    ]
    return {
        "matcher_tree": {
            "input": {"name": "label", "typed_config": {**field, "header_name": FIELD}},
            "exact_match_map": {"map": rows},
        },
        "on_no_match": {"action": _typed("RouteList", {"routes": others})},
    }


def _action(cluster_name: str, deadline_s: float) -> Document:
    found = {"match": {"prefix": "/"}, "route": route(cluster_name, deadline_s, _falls_on())}
    return {"action": _typed("Route", found)}


def _typed(kind: str, fields: Document) -> Document:
    return {
        "name": "route",
        "typed_config": {"@type": f"type.googleapis.com/envoy.config.route.v3.{kind}", **fields},
    }


def _falls_on() -> list[int]:
    return sorted(FALLS_THROUGH)


def _label_filter() -> Document:
    rule = {
        "selectors": [{"key": "parameters"}, {"key": "label"}],
        "on_present": {"metadata_namespace": NAMESPACE, "key": "label", "type": "STRING"},
    }
    return extension(
        "envoy.filters.http.json_to_metadata",
        "filters.http.json_to_metadata.v3.JsonToMetadata",
        request_rules={"rules": [rule]},
    )


def _field_filter() -> Document:
    """The metadata as a header field, whatever the caller sent by that name."""
    field = {"key": FIELD, "value": f"%DYNAMIC_METADATA({NAMESPACE}:label)%"}
    mutation = {"append": {"header": field, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    return extension(
        "envoy.filters.http.header_mutation",
        "filters.http.header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": [mutation]},
    )


def _rate_filter() -> Document:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return extension(
        "envoy.filters.http.local_ratelimit",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="rate",
        token_bucket={"max_tokens": RATE, "tokens_per_fill": RATE, "fill_interval": "1s"},
        filter_enabled=always,
        filter_enforced=always,
    )


def _failure_log() -> Document:
    """A line for each answer of 500 or more; Penstock's says a burst of failures in one."""
    failed = {"comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "logged_from"}}}
    log = extension("envoy.access_loggers.stderr", "access_loggers.stream.v3.StderrAccessLog")
    return {**log, "filter": {"status_code_filter": failed}}


def _tracing(site: Site) -> Document:
    """To the collector that Penstock's spans go to: it takes all, and keeps none."""
    uri = f"http://127.0.0.1:{site.upstreams.c}{TRACES_PATH}"
    settings = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": "envoy",
        "http_service": {"http_uri": {"uri": uri, "cluster": COLLECTOR, "timeout": "1s"}},
    }
    provider = {"name": "envoy.tracers.opentelemetry", "typed_config": settings}
    return {"random_sampling": {"value": TRACED_PERCENT}, "provider": provider}


def _collector(site: Site) -> Document:
    found = cluster(COLLECTOR, site, {"thresholds": []})
    found["load_assignment"]["endpoints"] = found["load_assignment"]["endpoints"][1:]
    found["load_assignment"]["endpoints"][0]["priority"] = 0
    return found


def _breaker() -> Document:
    """Penstock's: ten failures in a row, or half of twenty; a second of rest, up to eight."""
    return {
        "consecutive_5xx": 10,
        "enforcing_success_rate": 0,
        "failure_percentage_threshold": 50,
        "failure_percentage_request_volume": 20,
        "failure_percentage_minimum_hosts": 1,
        "enforcing_failure_percentage": 100,
        "interval": "10s",
        "base_ejection_time": "1s",
        "max_ejection_time": "8s",
        "max_ejection_percent": 100,
    }


def _no_panic() -> Document:
    """Ejected endpoints stay so, however many they are."""
    return {"healthy_panic_threshold": {"value": 0}}
