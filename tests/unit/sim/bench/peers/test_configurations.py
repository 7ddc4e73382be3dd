"""What the other proxies are told: the same weights, timeouts and tiers as Penstock."""

import json
import re

import msgspec
import pytest

from sim.bench.peers import envoy, haproxy, nginx, penstock, relay
from sim.bench.peers.payload import FAILING_LABEL, LABELS, LARGE
from sim.bench.peers.peer import Certificate, Site
from sim.bench.peers.penstock import CONCURRENCY, RATE
from sim.bench.peers.upstream import TRACES_PATH, Upstreams


@pytest.fixture
def site(tmp_path) -> Site:
    certificate = Certificate(chain=tmp_path / "chain.pem", key=tmp_path / "key.pem")
    certificate.chain.write_text("CHAIN\n")
    certificate.key.write_text("KEY\n")
    ports = Upstreams(a=21, b=22, c=23)
    return Site(port=11, tls_port=12, folder=tmp_path, upstreams=ports, certificate=certificate)


def test_nginx_has_the_weights_the_timeout_and_a_next_tier(site) -> None:
    """Its body is kept for the next tier, in memory."""
    config = (site.folder / nginx.command("nginx", site)[-1]).read_text()
    assert re.search(r"127.0.0.1:21 weight=10 .*127.0.0.1:22 weight=50", config)
    assert "proxy_read_timeout 100ms" in config
    assert re.search(r"error_page [\d ]*503[\d ]* = @tier1", config)
    assert re.search(r"upstream tier1 { server 127.0.0.1:23 ", config)
    assert "listen 127.0.0.1:12 ssl" in config


def test_haproxy_has_the_weights_the_timeout_and_a_retry(site) -> None:
    """Its certificate and key are to be in one file."""
    config = (site.folder / haproxy.command("haproxy", site)[-1]).read_text()
    assert "server a 127.0.0.1:21 weight 10" in config
    assert "server b 127.0.0.1:22 weight 50" in config
    assert "timeout server 100ms" in config
    assert "retry-on conn-failure empty-response response-timeout 503" in config
    assert (site.folder / "haproxy.pem").read_text() == "CHAIN\nKEY\n"


def test_haproxy_that_reads_labels_has_a_row_for_each(site) -> None:
    """A label that is not in its map would be answered 404."""
    haproxy.labelled_command("haproxy", site)
    rows = dict(line.split() for line in (site.folder / "labels.map").read_text().splitlines())
    assert rows == {**{str(label): "healthy" for label in LABELS}, str(FAILING_LABEL): "failing"}


def test_haproxy_that_does_more_has_limits_a_rate_and_a_breaker_but_not_where_every_request_fails(
    site,
) -> None:
    """The lean one has none of them; a breaker that opens would end the fall-through."""
    lean = (site.folder / haproxy.command("haproxy", site)[-1]).read_text()
    fuller = (site.folder / haproxy.labelled_command("haproxy", site)[-1]).read_text()
    assert not any(part in lean for part in ("observe", "stick-table", f"maxconn {CONCURRENCY}"))
    healthy, _, failing = fuller.partition("backend healthy")[2].partition("backend failing")
    assert healthy.count(f"maxconn {CONCURRENCY} check inter 1s observe layer7 error-limit 10") == 2
    assert f"deny_status 429 if {{ sc_http_req_rate(0,rate) gt {RATE} }}" in fuller
    assert "observe" not in failing


def envoy_document(command, site: Site) -> dict:
    config = site.folder / command("envoy", site)[2]
    return json.loads(config.read_text())["static_resources"]


def envoy_manager(document: dict) -> dict:
    return document["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def endpoints(cluster: dict) -> list[list[tuple[int, int]]]:
    return [
        [(e["endpoint"]["address"]["socket_address"]["port_value"], e["load_balancing_weight"]) for e in each]
        for each in (locality["lb_endpoints"] for locality in cluster["load_assignment"]["endpoints"])
    ]


@pytest.mark.parametrize("command", [envoy.command, envoy.relay_command])
def test_envoy_has_the_weights_in_priority_0_and_the_next_tier_in_priority_1(site, command) -> None:
    """In every cluster of models, one worker thread, plain and over TLS."""
    document = envoy_document(command, site)
    models = [each for each in document["clusters"] if each["name"] != "collector"]
    assert [endpoints(each) for each in models] == [[[(21, 10), (22, 50)], [(23, 1)]]] * len(models)
    arguments = command("envoy", site)
    assert arguments[arguments.index("--concurrency") + 1] == "1"
    assert len(document["listeners"]) == 2


def test_the_lean_envoy_has_one_route_no_filter_and_no_limit(site) -> None:
    """None of its circuit breakers' defaults, three retries at once among them, is the limit."""
    document = envoy_document(envoy.relay_command, site)
    (cluster,) = document["clusters"]
    assert set(cluster["circuit_breakers"]["thresholds"][0].values()) == {envoy.LIMIT}
    manager = envoy_manager(document)
    assert [each["name"] for each in manager["http_filters"]] == ["envoy.filters.http.router"]
    assert len(manager["route_config"]["virtual_hosts"][0]["routes"]) == 1


def test_envoy_has_a_row_for_each_label_with_its_cluster_and_the_deadline_of_its_class(site) -> None:
    """A label that is not in its map is answered 404."""
    manager = envoy_manager(envoy_document(envoy.command, site))
    matcher = manager["route_config"]["virtual_hosts"][0]["matcher"]
    rows = matcher["matcher_tree"]["exact_match_map"]["map"]
    routes = {label: row["action"]["typed_config"]["route"] for label, row in rows.items()}
    assert set(routes) == {str(label) for label in (*LABELS, FAILING_LABEL)}
    assert {label for label, found in routes.items() if found["cluster"] == "failing"} == {str(FAILING_LABEL)}
    assert [routes[str(label)]["timeout"] for label in (LABELS[0], LABELS[-1])] == ["1.0s", "2.0s"]
    tensors, unknown = matcher["on_no_match"]["action"]["typed_config"]["routes"]
    assert tensors["match"] == {"prefix": f"/v2/models/{LARGE}/"}
    assert unknown["direct_response"] == {"status": 404}


def test_envoy_has_penstocks_limits_and_its_breaker_is_blind_only_where_every_request_fails(site) -> None:
    """Ejected endpoints would be passed over at no cost."""
    document = envoy_document(envoy.command, site)
    clusters = {each["name"]: each for each in document["clusters"]}
    for name in ("models", "failing"):
        assert clusters[name]["circuit_breakers"]["per_host_thresholds"] == [{"max_connections": CONCURRENCY}]
    assert clusters["models"]["outlier_detection"]["consecutive_5xx"] == 10
    assert "outlier_detection" not in clusters["failing"]
    filters = {
        each["name"].split(".")[-1]: each["typed_config"] for each in envoy_manager(document)["http_filters"]
    }
    assert list(filters) == ["json_to_metadata", "header_mutation", "local_ratelimit", "router"]
    assert filters["local_ratelimit"]["token_bucket"]["max_tokens"] == RATE


def test_envoy_traces_as_many_requests_as_penstock_to_the_same_collector(site) -> None:
    """Neither has one of its own; the upstream stands in."""
    tracing = envoy_manager(envoy_document(envoy.command, site))["tracing"]
    penstocks = penstock.PENSTOCK.command("python", site)
    uri = tracing["provider"]["typed_config"]["http_service"]["http_uri"]["uri"]
    assert uri == penstocks[penstocks.index("--traces") + 1] + TRACES_PATH
    ratio = float(penstocks[penstocks.index("--trace-ratio") + 1])
    assert tracing["random_sampling"]["value"] == pytest.approx(ratio * 100)


@pytest.mark.parametrize(
    "command", [nginx.command, haproxy.command, envoy.command, envoy.relay_command, relay.command]
)
def test_without_a_certificate_no_peer_is_told_of_tls(site, command) -> None:
    """Where there is no openssl the other cases are measured all the same."""

    def written(told: Site) -> str:
        command("program", told)
        kinds = (".conf", ".cfg", ".json")
        return "".join(path.read_text() for path in told.folder.iterdir() if path.suffix in kinds)

    assert ".pem" in written(site)
    assert ".pem" not in written(msgspec.structs.replace(site, certificate=None))
